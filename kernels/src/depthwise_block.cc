// The values of BatchNorm, ReLU6, depthwise 3x3 convolution, BatchNorm and ReLU6.

#include <cmath>

#include "depthwise_block.h"
#include "moments.h"

namespace {

using kernels::Arguments;
using kernels::Block;
using kernels::kLanes;
using kernels::kTaps;
using kernels::Lanes;
using kernels::Moments;
using kernels::Normalisation;
using kernels::Shape;
using kernels::Windows;

// The convolution of the plane that is in `memory`.
void convolve(const Windows<1>& windows, float* memory, const float* weight, float* out) {
  const int64_t width = windows.grid().width;
  kernels::correlate(windows.grid().origin(memory), windows.grid(), weight, [=](int64_t y, int64_t i, Lanes values) {
    kernels::store_first(values, out + y * width + i, width - i);
  });
}

void convolve(const Windows<2>& windows, float* memory, const float* weight, float* out) {
  const kernels::Grid& grid = windows.grid();
  const kernels::Weights weights(weight);
  const float* tap[kTaps];
  windows.taps(memory, tap);
  for (int64_t row = 0; row < grid.height; ++row, out += grid.width) {
    for (int64_t i = 0; i < grid.width; i += kLanes) {
      Lanes sum = {};
      for (int k = 0; k < kTaps; ++k) sum += weights.of[k] * kernels::load(tap[k] + i);
      kernels::store_first(sum, out + i, grid.width - i);
    }
    for (const float*& t : tap) t += grid.pitch;
  }
}

// One call: x (N, C, H, W); weight (C, 1, 3, 3); of each BatchNorm gamma, beta, moving mean and moving variance, (C,);
// of each eps and momentum (4,) -> y; the convolution's values; and where statistics are `live`, which are then those
// of the batch, of each BatchNorm mean, 1 / deviation and both moving ones anew, (C,).
template <int stride, bool live>
class Forward {
 public:
  explicit Forward(const Arguments& arguments)
      : arguments_(arguments), in_(checked(arguments)), windows_(in_),
        out_{in_.batch, in_.channels, windows_.grid().height, windows_.grid().width} {
    for (int i : {kY, kConvolved}) arguments.expect_maps(i, out_);
  }

  void run() const {
    const kernels::Scratch scratch(Block::channels(in_) * (windows_.size() + in_.batch * out_.plane()));
    kernels::for_each_block(in_, [&](const Block& block) { compute(block, scratch.mine()); });
  }

 private:
  static constexpr int kX = 0, kWeight = 1, kFirst = 2, kSecond = 6, kSettings = 10;
  static constexpr int kY = 11, kConvolved = 12, kNewFirst = 13, kNewSecond = 17, kAll = 21;

  static Shape checked(const Arguments& arguments) {
    arguments.expect(live ? kAll : kNewFirst);
    const Shape in = arguments.maps(kX);
    arguments.expect_maps(kWeight, {in.channels, 1, 3, 3});
    for (int i = kFirst; i < kSettings; ++i) arguments.expect_vectors({i}, in.channels);
    arguments.expect_vectors({kSettings}, 4);
    for (int i = kNewFirst; live && i < kAll; ++i) arguments.expect_vectors({i}, in.channels);
    return in;
  }

  // One of the two BatchNorms; `old` and `anew` are the places of its first argument and output, `setting` of its eps.
  Normalisation norm(int64_t channel, Moments& moments, int old, int anew, int setting) const {
    const float *moving_mean = arguments_.input(old + 2), *moving_variance = arguments_.input(old + 3);
    const float gamma = arguments_.input(old)[channel], beta = arguments_.input(old + 1)[channel];
    const float eps = arguments_.input(kSettings)[setting], momentum = arguments_.input(kSettings)[setting + 1];
    if constexpr (!live) return {gamma, beta, moving_mean[channel], 1 / std::sqrt(moving_variance[channel] + eps)};
    float *mean = arguments_.output(anew), *inverse_deviation = arguments_.output(anew + 1);
    const kernels::Statistics statistics = {mean, inverse_deviation, moving_mean, moving_variance,
                                            arguments_.output(anew + 2), arguments_.output(anew + 3)};
    statistics.take(channel, moments, eps, momentum);
    return {gamma, beta, mean[channel], inverse_deviation[channel]};
  }

  void compute(const Block& block, float* memory) const {
    const float* x = arguments_.input(kX);
    const int64_t size = windows_.size(), plane = out_.plane();
    float* convolved = memory + block.count * size;
    Moments of_x[Block::kMost], of_convolved[Block::kMost];
    Normalisation norms[Block::kMost];
    for (int64_t picture = 0; live && picture < in_.batch; ++picture)
      for (int64_t i = 0; i < block.count; ++i)
        of_x[i].add(x + in_.start(picture, block.first + i), in_.plane(), in_.ahead(picture, block.first + i));
    for (int64_t i = 0; i < block.count; ++i) norms[i] = norm(block.first + i, of_x[i], kFirst, kNewFirst, 0);
    for (int64_t picture = 0; picture < in_.batch; ++picture) {
      for (int64_t i = 0; i < block.count; ++i)
        windows_.fill(x + in_.start(picture, block.first + i), norms[i], in_.ahead(picture, block.first + i),
                      memory + i * size);
      for (int64_t i = 0; i < block.count; ++i) {
        float* out = convolved + (picture * block.count + i) * plane;
        convolve(windows_, memory + i * size, arguments_.input(kWeight) + (block.first + i) * kTaps, out);
        if constexpr (live) of_convolved[i].add(out, plane, 0);
      }
    }
    for (int64_t i = 0; i < block.count; ++i) norms[i] = norm(block.first + i, of_convolved[i], kSecond, kNewSecond, 2);
    write(block, norms, convolved);
  }

  void write(const Block& block, const Normalisation* norms, const float* convolved) const {
    float *y = arguments_.output(kY), *kept = arguments_.output(kConvolved);
    const int64_t plane = out_.plane();
    const bool streams = out_.streams(y) && out_.streams(kept);
    for (int64_t picture = 0; picture < in_.batch; ++picture) {
      for (int64_t i = 0; i < block.count; ++i, convolved += plane) {
        const int64_t start = out_.start(picture, block.first + i);
        kernels::write_row(plane, kept + start, streams, [=](int64_t at, auto kind) {
          return kernels::load_as(kind, convolved + at);
        });
        kernels::activate<true>(convolved, plane, norms[i].scale, norms[i].shift, y + start, streams);
      }
    }
  }

  const Arguments& arguments_;
  Shape in_;
  Windows<stride> windows_;
  Shape out_;
};

template <int stride, bool live>
void forward(const Arguments& arguments) {
  Forward<stride, live>(arguments).run();
}

}  // namespace

KERNEL(DepthwiseBlockForwardStride1, forward<1, true>)
KERNEL(DepthwiseBlockForwardStride2, forward<2, true>)
KERNEL(FrozenDepthwiseBlockForwardStride1, forward<1, false>)
KERNEL(FrozenDepthwiseBlockForwardStride2, forward<2, false>)
