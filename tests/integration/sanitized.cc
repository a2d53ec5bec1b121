// Runs every kernel on buffers of exactly the right size, for the sanitizers to watch.

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <vector>

using Sizes = std::vector<int64_t>;
using Kernel = int (*)(int, void**, int*, int64_t**, const char**, void*, void*);

#define DECLARE(name) extern "C" int name(int, void**, int*, int64_t**, const char**, void*, void*);
DECLARE(DepthwiseForwardStride1Padding0)
DECLARE(DepthwiseForwardStride1Padding1)
DECLARE(DepthwiseForwardStride2Padding0)
DECLARE(DepthwiseForwardStride2Padding1)
DECLARE(DepthwiseBackwardStride1Padding0)
DECLARE(DepthwiseBackwardStride1Padding1)
DECLARE(DepthwiseBackwardStride2Padding0)
DECLARE(DepthwiseBackwardStride2Padding1)
DECLARE(DepthwiseBlockForwardStride1)
DECLARE(DepthwiseBlockForwardStride2)
DECLARE(DepthwiseBlockBackwardStride1)
DECLARE(DepthwiseBlockBackwardStride2)
DECLARE(FrozenDepthwiseBlockForwardStride1)
DECLARE(FrozenDepthwiseBlockForwardStride2)
DECLARE(FrozenDepthwiseBlockBackwardStride1)
DECLARE(FrozenDepthwiseBlockBackwardStride2)
DECLARE(PointwiseForward)
DECLARE(PointwiseInputGradient)
DECLARE(PointwiseWeightGradient)
DECLARE(Convolution5x5Forward)
DECLARE(Convolution5x5InputGradient)
DECLARE(Convolution5x5WeightGradient)
DECLARE(BatchNormForward)
DECLARE(BatchNormRelu6Forward)
DECLARE(BatchNormBackward)
DECLARE(BatchNormRelu6Backward)
DECLARE(FrozenBatchNormForward)
DECLARE(FrozenBatchNormRelu6Forward)
DECLARE(FrozenBatchNormBackward)
DECLARE(FrozenBatchNormRelu6Backward)
DECLARE(FrozenBatchNormBackwardTraining)
DECLARE(FrozenBatchNormRelu6BackwardTraining)
DECLARE(MaxPoolForward)
DECLARE(MaxPoolBackward)
DECLARE(AveragePoolForward)
DECLARE(AveragePoolBackward)
DECLARE(ReluMaxPoolForward)
DECLARE(ReluMaxPoolBackward)
DECLARE(ReluAveragePoolForward)
DECLARE(ReluAveragePoolBackward)
DECLARE(ZeroPaddingForward)
DECLARE(CrossEntropyForward)
DECLARE(CrossEntropyBackward)
DECLARE(AdamWStep)
extern "C" int ResizeRgb(const uint8_t*, int64_t, int64_t, int64_t, const int32_t*, const int32_t*, int64_t, int64_t,
                         const int32_t*, const int32_t*, int64_t, int64_t, uint8_t*);

// `labels`: the tensor that is int32, all zeros, if there is one.
static void run(Kernel kernel, std::vector<Sizes> shapes, size_t labels = -1) {
  std::vector<float*> buffers;
  std::vector<void*> data;
  std::vector<int> ranks;
  std::vector<int64_t*> sizes;
  for (Sizes& shape : shapes) {
    int64_t count = 1;
    for (int64_t size : shape) count *= size;
    buffers.push_back(static_cast<float*>(std::malloc(count * sizeof(float))));
    for (int64_t i = 0; i < count; ++i) buffers.back()[i] = buffers.size() - 1 == labels ? 0 : 0.1f * (i * 7 % 100);
    data.push_back(buffers.back());
    ranks.push_back(shape.size());
    sizes.push_back(shape.data());
  }
  std::vector<const char*> types(shapes.size(), "float32");
  if (labels < types.size()) types[labels] = "int32";
  const int status = kernel(shapes.size(), data.data(), ranks.data(), sizes.data(),
                            types.data(), nullptr, nullptr);
  if (status) {
    std::printf("status %d\n", status);
    std::exit(1);
  }
  for (float* buffer : buffers) std::free(buffer);
}

static void depthwise(Kernel forward, Kernel backward, Sizes x, int stride, int padding) {
  const int64_t height = x[2] + 2 * padding - 3, width = x[3] + 2 * padding - 3;
  if (height < 0 || width < 0) return;
  const Sizes y = {x[0], x[1], height / stride + 1, width / stride + 1}, weight = {x[1], 1, 3, 3};
  run(forward, {x, weight, y});
  run(backward, {y, weight, x, x, weight});
}

static void depthwise_block(Kernel forward, Kernel backward, Sizes x, int stride, bool live) {
  const Sizes y = {x[0], x[1], (x[2] - 1) / stride + 1, (x[3] - 1) / stride + 1}, weight = {x[1], 1, 3, 3}, c = {x[1]};
  std::vector<Sizes> shapes = {x, weight, c, c, c, c, c, c, c, c, {4}, y, y};
  if (live) shapes.insert(shapes.end(), 8, c);
  run(forward, shapes);
  run(backward, {y, x, y, weight, c, c, c, c, c, c, c, c, {4}, x, weight, c, c, c, c});
}

static void pointwise(Sizes x, int64_t outputs) {
  const Sizes y = {x[0], outputs, x[2], x[3]}, weight = {outputs, x[1], 1, 1};
  run(PointwiseForward, {x, weight, y});
  run(PointwiseInputGradient, {y, weight, x, x});
  run(PointwiseWeightGradient, {y, x, weight, weight});
}

static void convolution(Sizes x, int64_t outputs) {
  if (x[2] < 5 || x[3] < 5) return;
  const Sizes y = {x[0], outputs, x[2] - 4, x[3] - 4}, weight = {outputs, x[1], 5, 5}, bias = {outputs};
  run(Convolution5x5Forward, {x, weight, bias, y});
  run(Convolution5x5InputGradient, {y, weight, x, x});
  run(Convolution5x5WeightGradient, {y, x, weight, weight, bias});
}

// A window of a picture that has ten more columns, to another size, each sample mixed of five or fewer.
static void resize(int64_t height, int64_t width, int64_t size_y, int64_t size_x) {
  const int64_t pitch = 3 * (width + 10), used = pitch * (height - 1) + 3 * width;
  const int64_t taps_y = height < 5 ? height : 5, taps_x = width < 5 ? width : 5;
  auto* pixels = static_cast<uint8_t*>(std::malloc(used));
  auto* out = static_cast<uint8_t*>(std::malloc(3 * size_y * size_x));
  for (int64_t i = 0; i < used; ++i) pixels[i] = i % 256;
  const auto starts = [](int64_t length, int64_t taps, int64_t size) {
    std::vector<int32_t> first(size);
    for (int64_t i = 0; i < size; ++i) first[i] = (length - taps) * i / size;
    first.back() = length - taps;
    return first;
  };
  const auto starts_x = starts(width, taps_x, size_x), starts_y = starts(height, taps_y, size_y);
  const std::vector<int32_t> weights_x(taps_x * size_x, (1 << 22) / taps_x), weights_y(taps_y * size_y, -(1 << 20));
  if (ResizeRgb(pixels, pitch, height, width, starts_x.data(), weights_x.data(), taps_x, size_x, starts_y.data(),
                weights_y.data(), taps_y, size_y, out))
    std::exit(1);
  std::free(pixels), std::free(out);
}

int main() {
  for (int64_t height : {1, 2, 3, 4, 7, 8, 15, 16, 33, 40}) {
    for (int64_t width : {1, 2, 3, 5, 7, 8, 14, 17, 32, 41}) {
      const Sizes x = {2, 3, height, width}, c = {3};
      depthwise(DepthwiseForwardStride1Padding0, DepthwiseBackwardStride1Padding0, x, 1, 0);
      depthwise(DepthwiseForwardStride1Padding1, DepthwiseBackwardStride1Padding1, x, 1, 1);
      depthwise(DepthwiseForwardStride2Padding0, DepthwiseBackwardStride2Padding0, x, 2, 0);
      depthwise(DepthwiseForwardStride2Padding1, DepthwiseBackwardStride2Padding1, x, 2, 1);
      depthwise_block(DepthwiseBlockForwardStride1, DepthwiseBlockBackwardStride1, x, 1, true);
      depthwise_block(DepthwiseBlockForwardStride2, DepthwiseBlockBackwardStride2, x, 2, true);
      depthwise_block(FrozenDepthwiseBlockForwardStride1, FrozenDepthwiseBlockBackwardStride1, x, 1, false);
      depthwise_block(FrozenDepthwiseBlockForwardStride2, FrozenDepthwiseBlockBackwardStride2, x, 2, false);
      for (int64_t size : {1, 6, 37}) resize(height, width, size, height + size);
      for (int64_t outputs : {1, 6, 15}) convolution(x, outputs);
      for (int64_t outputs : {1, 8, 101}) pointwise(x, outputs);
      for (Kernel kernel : {BatchNormForward, BatchNormRelu6Forward}) run(kernel, {x, c, c, c, c, {2}, x, c, c, c, c});
      for (Kernel kernel : {BatchNormBackward, BatchNormRelu6Backward}) run(kernel, {x, x, c, c, c, c, x, c, c});
      for (Kernel kernel : {FrozenBatchNormForward, FrozenBatchNormRelu6Forward}) run(kernel, {x, c, c, c, c, {1}, x});
      for (Kernel kernel : {FrozenBatchNormBackward, FrozenBatchNormRelu6Backward})
        run(kernel, {x, x, c, c, c, c, {1}, x});
      for (Kernel kernel : {FrozenBatchNormBackwardTraining, FrozenBatchNormRelu6BackwardTraining})
        run(kernel, {x, x, c, c, c, c, {1}, x, c, c});
      run(ZeroPaddingForward, {x, {2, 3, height + 4, width + 2}});
      run(CrossEntropyForward, {{height, width}, {height}, {1}, {}, {}}, 1);
      run(CrossEntropyBackward, {{}, {height, width}, {height}, {1}, {height, width}}, 2);
      run(AdamWStep, {{3}, {2}, {}, {}, x, {}, x, x, x, {40 * height, 40 * width}, {}, {40 * height, 40 * width},
                      {40 * height, 40 * width}, {40 * height, 40 * width}, {}});
      if (height < 2 || width < 2) continue;
      const Sizes y = {2, 3, height / 2, width / 2};
      for (Kernel kernel : {MaxPoolForward, AveragePoolForward, ReluMaxPoolForward, ReluAveragePoolForward})
        run(kernel, {x, y});
      for (Kernel kernel : {MaxPoolBackward, AveragePoolBackward, ReluMaxPoolBackward, ReluAveragePoolBackward})
        run(kernel, {y, x, x});
    }
  }
  std::puts("clean");
}
