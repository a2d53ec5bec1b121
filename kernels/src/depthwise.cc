// Depthwise 3x3 convolution, stride 1 or 2, padding 0 or 1, forward and backward.
//
// A plane is copied, with its padding, into stride x stride "phases": phase (a, b) holds the padded rows a, a + stride,
// ... and of those the columns b, b + stride, ... All phases have rows of `pitch` floats. Seen as one long row, output
// i = row * pitch + column is then a sum of nine products weight[k] * tap_k[i], where tap_k is one of the phases from
// some offset on: the same loop for every stride, and a long one for small planes too. Between two rows it computes
// values that nobody reads.

#include <algorithm>

#include "common.h"

namespace {

using kernels::Arguments;
using kernels::Scratch;
using kernels::Shape;

constexpr int kTaps = 9;
constexpr int64_t kLongRow = 32;  // from here on, rows are computed one by one, straight into the output

template <int stride, int padding>
struct Geometry {
  int64_t height, width;          // input plane
  int64_t out_height, out_width;  // output plane
  int64_t rows, pitch;            // each phase
  int64_t count;                  // outputs seen as one long row
  int64_t reach;                  // largest offset of a tap in its phase

  explicit Geometry(const Shape& input) : height(input.height), width(input.width) {
    const int64_t padded_height = height + 2 * padding, padded_width = width + 2 * padding;
    kernels::require(padded_height >= 3 && padded_width >= 3, kernels::kWrongShape);
    out_height = (padded_height - 3) / stride + 1;
    out_width = (padded_width - 3) / stride + 1;
    rows = (padded_height + stride - 1) / stride;
    pitch = (padded_width + stride - 1) / stride;
    count = (out_height - 1) * pitch + out_width;
    reach = offset(kTaps - 1);
  }
  int64_t phase_size() const { return rows * pitch; }
  int64_t phases_size() const { return stride * stride * phase_size(); }
  static int phase(int tap) { return (tap / 3 % stride) * stride + tap % 3 % stride; }
  int64_t offset(int tap) const { return tap / 3 / stride * pitch + tap % 3 / stride; }
};

// Writes `x` into phases, between the zeros that are its padding.
template <int stride, int padding>
void split(const Geometry<stride, padding>& g, const float* x, float* phases) {
  for (int64_t y = 0; y < g.height; ++y, x += g.width) {
    const int64_t row = y + padding;
    float* first = phases + row % stride * stride * g.phase_size() + row / stride * g.pitch;
    if constexpr (stride == 1) {
      std::copy_n(x, g.width, first + padding);
    } else {
      float* even = first + padding % 2 * g.phase_size() + padding / 2;
      float* odd = first + (padding + 1) % 2 * g.phase_size() + (padding + 1) / 2;
#pragma omp simd
      for (int64_t i = 0; i < g.width / 2; ++i) {
        even[i] = x[2 * i];
        odd[i] = x[2 * i + 1];
      }
      if (g.width % 2) even[g.width / 2] = x[g.width - 1];
    }
  }
}

// Writes `x` from its phases; the reverse of split.
template <int stride, int padding>
void merge(const Geometry<stride, padding>& g, const float* phases, float* x) {
  for (int64_t y = 0; y < g.height; ++y, x += g.width) {
    const int64_t row = y + padding;
    const float* first = phases + row % stride * stride * g.phase_size() + row / stride * g.pitch;
    if constexpr (stride == 1) {
      std::copy_n(first + padding, g.width, x);
    } else {
      const float* even = first + padding % 2 * g.phase_size() + padding / 2;
      const float* odd = first + (padding + 1) % 2 * g.phase_size() + (padding + 1) / 2;
#pragma omp simd
      for (int64_t i = 0; i < g.width / 2; ++i) {
        x[2 * i] = even[i];
        x[2 * i + 1] = odd[i];
      }
      if (g.width % 2) x[g.width - 1] = even[g.width / 2];
    }
  }
}

// out[i] = sum over k of weight[k] * tap[k][i]
template <int taps>
void weighted_sum(const float* const* tap, const float* weight, float* out, int64_t count) {
  const float* t[taps];
  float w[taps];
  std::copy_n(tap, taps, t);
  std::copy_n(weight, taps, w);
#pragma omp simd
  for (int64_t i = 0; i < count; ++i) {
    float sum = w[0] * t[0][i];
    for (int k = 1; k < taps; ++k) sum += w[k] * t[k][i];
    out[i] = sum;
  }
}

// sums[k] += sum over i of v[i] * tap[k][i]
void add_products(const float* v, const float* const* tap, int64_t count, double* sums) {
  const float *t0 = tap[0], *t1 = tap[1], *t2 = tap[2], *t3 = tap[3], *t4 = tap[4];
  const float *t5 = tap[5], *t6 = tap[6], *t7 = tap[7], *t8 = tap[8];
  float s0 = 0, s1 = 0, s2 = 0, s3 = 0, s4 = 0, s5 = 0, s6 = 0, s7 = 0, s8 = 0;
#pragma omp simd reduction(+ : s0, s1, s2, s3, s4, s5, s6, s7, s8)
  for (int64_t i = 0; i < count; ++i) {
    s0 += v[i] * t0[i];
    s1 += v[i] * t1[i];
    s2 += v[i] * t2[i];
    s3 += v[i] * t3[i];
    s4 += v[i] * t4[i];
    s5 += v[i] * t5[i];
    s6 += v[i] * t6[i];
    s7 += v[i] * t7[i];
    s8 += v[i] * t8[i];
  }
  const float s[kTaps] = {s0, s1, s2, s3, s4, s5, s6, s7, s8};
  for (int k = 0; k < kTaps; ++k) sums[k] += s[k];
}

template <int stride, int padding>
void taps_of(const Geometry<stride, padding>& g, const float* phases, const float** tap) {
  for (int k = 0; k < kTaps; ++k) tap[k] = phases + g.phase(k) * g.phase_size() + g.offset(k);
}

// One phase of the input's gradient: each of its `taps` taps in reverse, from the output's gradient.
template <int taps, int stride, int padding>
void phase_gradient(const Geometry<stride, padding>& g, int phase, const float* weight, const float* dy, float* out) {
  const float* tap[taps];
  float w[taps];
  for (int k = 0, found = 0; k < kTaps; ++k) {
    if (g.phase(k) != phase) continue;
    tap[found] = dy - g.offset(k);
    w[found++] = weight[k];
  }
  weighted_sum<taps>(tap, w, out, g.phase_size());
}

template <int stride, int padding>
void input_gradient(const Geometry<stride, padding>& g, const float* weight, const float* dy, float* phases) {
  if constexpr (stride == 1) {
    phase_gradient<9>(g, 0, weight, dy, phases);
  } else {
    const int64_t size = g.phase_size();
    phase_gradient<4>(g, 0, weight, dy, phases);
    phase_gradient<2>(g, 1, weight, dy, phases + size);
    phase_gradient<2>(g, 2, weight, dy, phases + 2 * size);
    phase_gradient<1>(g, 3, weight, dy, phases + 3 * size);
  }
}

// x (N, C, H, W), weight (C, 1, 3, 3) -> y
template <int stride, int padding>
void forward(const Arguments& arguments) {
  arguments.expect(3);
  const Shape shape = arguments.maps(0);
  const Geometry<stride, padding> g(shape);
  arguments.expect_maps(1, {shape.channels, 1, 3, 3});
  arguments.expect_maps(2, {shape.batch, shape.channels, g.out_height, g.out_width});
  const float *x = arguments.input(0), *weight = arguments.input(1);
  float* y = arguments.output(2);

  const Scratch scratch(g.phases_size() + g.count);
  kernels::for_each(shape.planes(), shape.plane(), [&](int64_t plane) {
    float *phases = scratch.mine(), *sums = phases + g.phases_size();
    split(g, x + plane * shape.plane(), phases);
    const float* tap[kTaps];
    taps_of(g, phases, tap);
    const float* w = weight + plane % shape.channels * kTaps;
    float* out = y + plane * g.out_height * g.out_width;
    if (g.out_width >= kLongRow) {
      for (int64_t row = 0; row < g.out_height; ++row, out += g.out_width) {
        weighted_sum<kTaps>(tap, w, out, g.out_width);
        for (const float*& t : tap) t += g.pitch;
      }
    } else {
      weighted_sum<kTaps>(tap, w, sums, g.count);
      for (int64_t row = 0; row < g.out_height; ++row)
        std::copy_n(sums + row * g.pitch, g.out_width, out + row * g.out_width);
    }
  });
}

// Asks for the plane that is read next, if it is a small one. Inlined, for gcc leaves out a call that has no result.
inline __attribute__((always_inline)) void prefetch_next(const Shape& shape, int64_t picture, int64_t channel,
                                                         const float* maps) {
  if (shape.plane() > Shape::kSmallPlane) return;
  const float* next = maps + shape.start(picture, channel) + shape.ahead(picture, channel);
  for (int64_t i = 0; i < shape.plane(); i += 16) __builtin_prefetch(next + i);
}

// dy, weight, x -> dx, dweight
template <int stride, int padding>
void backward(const Arguments& arguments) {
  arguments.expect(5);
  const Shape shape = arguments.maps(2);
  const Geometry<stride, padding> g(shape);
  const Shape out = {shape.batch, shape.channels, g.out_height, g.out_width};
  arguments.expect_maps(0, out);
  arguments.expect_maps(1, {shape.channels, 1, 3, 3});
  arguments.expect_maps(3, shape);
  arguments.expect_maps(4, {shape.channels, 1, 3, 3});
  const float *dy = arguments.input(0), *weight = arguments.input(1), *x = arguments.input(2);
  float *dx = arguments.output(3), *dweight = arguments.output(4);

  const int64_t dy_size = g.reach + g.phase_size();
  const Scratch scratch(2 * g.phases_size() + dy_size);
  kernels::for_each(shape.channels, shape.batch * shape.plane(), [&](int64_t channel) {
    float *phases = scratch.mine(), *gradients = phases + g.phases_size(), *dy_start = gradients + g.phases_size();
    float* dy_rows = dy_start + g.reach;  // dy in rows of `pitch`, zeros before, between and behind them
    double sums[kTaps] = {};
    for (int64_t picture = 0; picture < shape.batch; ++picture) {
      const int64_t plane = picture * shape.channels + channel;
      const float* dy_plane = dy + plane * g.out_height * g.out_width;
      prefetch_next(out, picture, channel, dy);
      prefetch_next(shape, picture, channel, x);
      for (int64_t row = 0; row < g.out_height; ++row)
        std::copy_n(dy_plane + row * g.out_width, g.out_width, dy_rows + row * g.pitch);

      split(g, x + plane * shape.plane(), phases);
      const float* tap[kTaps];
      taps_of(g, phases, tap);
      add_products(dy_rows, tap, g.count, sums);

      input_gradient(g, weight + channel * kTaps, dy_rows, gradients);
      merge(g, gradients, dx + plane * shape.plane());
    }
    std::copy_n(sums, kTaps, dweight + channel * kTaps);
  });
}

}  // namespace

KERNEL(DepthwiseForwardStride1Padding0, forward<1, 0>)
KERNEL(DepthwiseForwardStride1Padding1, forward<1, 1>)
KERNEL(DepthwiseForwardStride2Padding0, forward<2, 0>)
KERNEL(DepthwiseForwardStride2Padding1, forward<2, 1>)
KERNEL(DepthwiseBackwardStride1Padding0, backward<1, 0>)
KERNEL(DepthwiseBackwardStride1Padding1, backward<1, 1>)
KERNEL(DepthwiseBackwardStride2Padding0, backward<2, 0>)
KERNEL(DepthwiseBackwardStride2Padding1, backward<2, 1>)
