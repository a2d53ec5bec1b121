// The gradients of BatchNorm, ReLU6, depthwise 3x3 convolution, BatchNorm and ReLU6, by the batch's or running
// statistics. What the convolution read is computed again from x: cheaper than to keep it and to read it.

#include <cmath>

#include "depthwise_block.h"

namespace {

using kernels::Arguments;
using kernels::Block;
using kernels::ChannelSums;
using kernels::GradientSums;
using kernels::Grid;
using kernels::keep_first;
using kernels::kLanes;
using kernels::kTaps;
using kernels::Lanes;
using kernels::load;
using kernels::load_first;
using kernels::Normalisation;
using kernels::passed;
using kernels::RowSum;
using kernels::Shape;
using kernels::store;
using kernels::store_first;
using kernels::Windows;

// The gradient that a BatchNorm hands on: gradient * scale, and by the batch's statistics, which x has a part in,
// + by_mean + by_deviation * (x - center).
struct Passing {
  float scale = 0, by_mean = 0, by_deviation = 0, center = 0;

  Passing() = default;
  Passing(const Normalisation& norm, const GradientSums& sums, double count)
      : scale(norm.scale), by_mean(-norm.scale * sums.gradients / count),
        by_deviation(-norm.scale * norm.inverse * norm.inverse * sums.products / count), center(norm.center) {}
  template <class Value>
  Value operator()(Value gradient, Value x) const {
    return gradient * scale + by_mean + by_deviation * (x - center);
  }
};

// What is known of one channel, and the sums that grow picture by picture.
struct Channel {
  Normalisation before, after;
  Passing through_before, through_after;
  ChannelSums before_sums, after_sums;
  double weight_sums[kTaps] = {};
};

// sums[k] += the products of the convolution's gradient with what tap k read, over one plane. The gradient has zeros
// behind its rows.
void add_products(const Windows<1>& windows, float* read, const float* gradient, double* sums) {
  const Grid& grid = windows.grid();
  const int64_t width = grid.width, pitch = grid.pitch;
  Lanes products[kTaps] = {};
  kernels::for_each_rows(grid.height, [&, origin = grid.origin(read)](int64_t first, auto rows) {
    const float *from = origin + first * pitch, *here = gradient + first * pitch;
    for (int64_t i = 0; i < width; i += kLanes) {
      Lanes gradients[rows.value];
      for (int y = 0; y < rows.value; ++y) gradients[y] = load(here + y * pitch + i);
      kernels::for_each_window<rows.value>(
          [=](int row, int column) { return load(from + row * pitch + i + column); },
          [&](int y, int k, Lanes value) { products[k] += gradients[y] * value; });
    }
  });
  for (int k = 0; k < kTaps; ++k) sums[k] += kernels::sum_of(products[k]);
}

void add_products(const Windows<2>& windows, float* read, const float* gradient, double* sums) {
  const float* tap[kTaps];
  windows.taps(read, tap);
  const int64_t width = windows.grid().width, pitch = windows.grid().pitch;
  Lanes products[kTaps] = {};
  for (int64_t row = 0; row < windows.grid().height; ++row, gradient += pitch) {
    for (int64_t i = 0; i < width; i += kLanes) {
      const Lanes here = load(gradient + i);
      for (int k = 0; k < kTaps; ++k) products[k] += here * load(tap[k] + i);
    }
    for (const float*& t : tap) t += pitch;
  }
  for (int k = 0; k < kTaps; ++k) sums[k] += kernels::sum_of(products[k]);
}

// Calls take(y, i, values) for each full register of the gradient of the convolution's input, from that of its output.
template <class Take>
void input_gradient(const Windows<1>& windows, const float* gradient, const float* weight, const Shape&, Take take) {
  float reversed[kTaps];
  std::reverse_copy(weight, weight + kTaps, reversed);
  kernels::correlate(gradient, windows.grid(), reversed, take);
}

template <class Take>
void input_gradient(const Windows<2>& windows, const float* gradient, const float* weight, const Shape& in, Take take) {
  const Grid& grid = windows.grid();
  const kernels::Weights weights(weight);
  const Lanes* w = weights.of;
  for (int64_t y = 0; y < in.height; y += 2, gradient += grid.pitch) {
    for (int64_t i = 0; i < grid.width; i += kLanes) {
      const float* below = gradient + grid.pitch;
      const Lanes here = load(gradient + i), right = load(gradient + i + 1);
      const Lanes under = load(below + i), corner = load(below + i + 1);
      const auto row = [&](int64_t at, Lanes even, Lanes odd) {
        if (at >= in.height) return;
        const kernels::Pair joined = kernels::join(even, odd);
        take(at, 2 * i, joined.first);
        take(at, 2 * i + kLanes, joined.second);
      };
      row(y, w[4] * here, w[3] * right + w[5] * here);
      row(y + 1, w[7] * here + w[1] * under, w[6] * right + w[8] * here + w[0] * corner + w[2] * under);
    }
  }
}

// One call: dy; x (N, C, H, W); the convolution's values; weight (C, 1, 3, 3); of each BatchNorm gamma, beta, mean, and
// 1 / deviation or, where statistics are not `live`, the variance, (C,); of each eps and momentum (4,) -> dx; dweight;
// of each BatchNorm dgamma and dbeta.
template <int stride, bool live>
class Backward {
 public:
  explicit Backward(const Arguments& arguments)
      : arguments_(arguments), in_(checked(arguments)), windows_(in_),
        out_{in_.batch, in_.channels, windows_.grid().height, windows_.grid().width} {
    for (int i : {kDy, kConvolved}) arguments.expect_maps(i, out_);
  }

  void run() const {
    const int64_t kept = live ? in_.batch * in_.plane() : 0;
    const kernels::Scratch scratch(Block::channels(in_) * (plane_size() + kept));
    kernels::for_each_block(in_, [&](const Block& block) { compute(block, scratch.mine()); });
  }

 private:
  // Floats of what the convolution read, and of the gradient of its values, of one plane.
  int64_t plane_size() const { return windows_.size() + windows_.grid().size(); }

  static constexpr int kDy = 0, kX = 1, kConvolved = 2, kWeight = 3, kFirst = 4, kSecond = 8, kSettings = 12;
  static constexpr int kDx = 13, kDweight = 14, kDfirst = 15, kDsecond = 17, kAll = 19;

  static Shape checked(const Arguments& arguments) {
    arguments.expect(kAll);
    const Shape in = arguments.maps(kX);
    for (int i : {kWeight, kDweight}) arguments.expect_maps(i, {in.channels, 1, 3, 3});
    for (int i = kFirst; i < kSettings; ++i) arguments.expect_vectors({i}, in.channels);
    arguments.expect_vectors({kSettings}, 4);
    arguments.expect_maps(kDx, in);
    for (int i = kDfirst; i < kAll; ++i) arguments.expect_vectors({i}, in.channels);
    return in;
  }

  Normalisation norm(int64_t channel, int first, int setting) const {
    const float spread = arguments_.input(first + 3)[channel];
    const float gamma = arguments_.input(first)[channel], beta = arguments_.input(first + 1)[channel];
    return {gamma, beta, arguments_.input(first + 2)[channel],
            live ? spread : 1 / std::sqrt(spread + arguments_.input(kSettings)[setting])};
  }
  void write(int64_t channel, int place, const Normalisation& norm, const GradientSums& sums) const {
    arguments_.output(place)[channel] = sums.products * norm.inverse;
    arguments_.output(place + 1)[channel] = sums.gradients;
  }

  // The gradient of the convolution's values, between zeros; and its sums, where `look_through` has not taken them.
  void fill(const float* dy, const float* convolved, Channel& channel, float* to) const {
    const Grid& grid = windows_.grid();
    const Normalisation norm = channel.after;
    const Passing through = channel.through_after;
    RowSum products, gradients;
    for (int64_t y = 0; y < grid.height; ++y, dy += grid.width, convolved += grid.width, to += grid.pitch) {
      for (int64_t i = 0; i < grid.width; i += kLanes) {
        const int64_t left = grid.width - i;
        const Lanes read = load_first(convolved + i, left);
        const Lanes gradient = passed<true>(load_first(dy + i, left), read * norm.scale + norm.shift);
        if constexpr (live) {
          store(keep_first(through(gradient, read), left), to + i);
        } else {
          store(gradient * norm.scale, to + i);
          products.add(gradient * (read - norm.center));
          gradients.add(gradient);
        }
      }
    }
    if constexpr (!live) channel.after_sums.add(products, gradients, out_.plane());
  }

  void compute(const Block& block, float* memory) const {
    float* kept = memory + block.count * plane_size();
    Channel channels[Block::kMost];
    for (int64_t i = 0; i < block.count; ++i) {
      channels[i].before = norm(block.first + i, kFirst, 0);
      channels[i].after = norm(block.first + i, kSecond, 2);
    }
    if constexpr (live) look_through(block, channels);
    for (int64_t picture = 0; picture < in_.batch; ++picture) {
      float* out = live ? kept + picture * block.count * in_.plane()
                        : arguments_.output(kDx) + in_.start(picture, block.first);
      take_in(block, picture, channels, memory);
      pass_on(block, picture, channels, memory, out);
    }
    for (int64_t i = 0; i < block.count; ++i) {
      Channel& channel = channels[i];
      const GradientSums sums = channel.before_sums.total();
      std::copy_n(channel.weight_sums, kTaps, arguments_.output(kDweight) + (block.first + i) * kTaps);
      write(block.first + i, kDfirst, channel.before, sums);
      write(block.first + i, kDsecond, channel.after, channel.after_sums.total());
      channel.through_before = Passing(channel.before, sums, double(in_.batch) * in_.plane());
    }
    if constexpr (live) hand_on(block, channels, kept);
  }

  // The sums that the second BatchNorm's gradient needs before its first value.
  void look_through(const Block& block, Channel* channels) const {
    const float *dy = arguments_.input(kDy), *convolved = arguments_.input(kConvolved);
    for (int64_t picture = 0; picture < in_.batch; ++picture) {
      for (int64_t i = 0; i < block.count; ++i) {
        const Normalisation& norm = channels[i].after;
        channels[i].after_sums.add_plane<true>(out_, picture, block.first + i, dy, convolved, norm.scale, norm.shift,
                                               norm.center);
      }
    }
    for (int64_t i = 0; i < block.count; ++i) {
      const GradientSums sums = channels[i].after_sums.total();
      channels[i].through_after = Passing(channels[i].after, sums, double(out_.batch) * out_.plane());
    }
  }

  // What the convolution read, and the gradient of its values.
  void take_in(const Block& block, int64_t picture, Channel* channels, float* memory) const {
    const float *dy = arguments_.input(kDy), *x = arguments_.input(kX), *convolved = arguments_.input(kConvolved);
    for (int64_t i = 0; i < block.count; ++i, memory += plane_size()) {
      const int64_t channel = block.first + i, start = out_.start(picture, channel);
      fill(dy + start, convolved + start, channels[i], windows_.grid().origin(memory + windows_.size()));
      windows_.fill(x + in_.start(picture, channel), channels[i].before, in_.ahead(picture, channel), memory);
    }
  }

  void pass_on(const Block& block, int64_t picture, Channel* channels, float* memory, float* out) const {
    for (int64_t i = 0; i < block.count; ++i, memory += plane_size(), out += in_.plane()) {
      const float* gradient = windows_.grid().origin(memory + windows_.size());
      const int64_t channel = block.first + i;
      add_products(windows_, memory, gradient, channels[i].weight_sums);
      pass(gradient, arguments_.input(kWeight) + channel * kTaps, arguments_.input(kX) + in_.start(picture, channel),
           channels[i], out);
    }
  }

  // The gradient that has passed the first ReLU6, and its sums.
  void pass(const float* gradient, const float* weight, const float* x, Channel& channel, float* out) const {
    const Normalisation norm = channel.before;
    RowSum products, gradients;
    input_gradient(windows_, gradient, weight, in_, [&, width = in_.width](int64_t y, int64_t i, Lanes values) {
      const int64_t left = width - i, at = y * width + i;
      const Lanes value = load_first(x + at, left);
      const Lanes passing = keep_first(passed<true>(values, value * norm.scale + norm.shift), left);
      products.add(passing * (value - norm.center));
      gradients.add(passing);
      store_first(live ? passing : passing * norm.scale, out + at, left);
    });
    channel.before_sums.add(products, gradients, in_.plane());
  }

  void hand_on(const Block& block, const Channel* channels, const float* kept) const {
    float* dx = arguments_.output(kDx);
    const bool streams = in_.streams(dx);
    for (int64_t picture = 0; picture < in_.batch; ++picture) {
      for (int64_t i = 0; i < block.count; ++i, kept += in_.plane()) {
        const int64_t start = in_.start(picture, block.first + i);
        const float* x = arguments_.input(kX) + start;
        const Passing through = channels[i].through_before;
        kernels::write_row(in_.plane(), dx + start, streams, [=](int64_t at, auto kind) {
          return through(kernels::load_as(kind, kept + at), kernels::load_as(kind, x + at));
        });
      }
    }
  }

  const Arguments& arguments_;
  Shape in_;
  Windows<stride> windows_;
  Shape out_;
};

template <int stride, bool live>
void backward(const Arguments& arguments) {
  Backward<stride, live>(arguments).run();
}

}  // namespace

KERNEL(DepthwiseBlockBackwardStride1, backward<1, true>)
KERNEL(DepthwiseBlockBackwardStride2, backward<2, true>)
KERNEL(FrozenDepthwiseBlockBackwardStride1, backward<1, false>)
KERNEL(FrozenDepthwiseBlockBackwardStride2, backward<2, false>)
