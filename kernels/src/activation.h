// ReLU6 behind a normalisation: y = min(max(x * scale + shift, 0), 6), or without it y = x * scale + shift.
#pragma once

#include "common.h"
#include "lanes.h"

namespace kernels {

// Comparisons with NaN are false, so NaN stays NaN.
template <bool relu6, class Value>
inline Value activated(Value value) {
  if constexpr (relu6) {
    value = value < 0.f ? Value{} : value;
    value = value > 6.f ? Value{} + 6.f : value;
  }
  return value;
}

// The gradient where it passes ReLU6, and zero elsewhere; like MindSpore's, it passes at 6 but not at 0.
template <bool relu6, class Value>
inline Value passed(Value gradient, Value value) {
  if constexpr (!relu6) return gradient;
  gradient = value > 0.f ? gradient : Value{};
  return value <= 6.f ? gradient : Value{};
}

// y = the activation of x * scale + shift, over one row.
template <bool relu6>
void activate(const float* x, int64_t size, float scale, float shift, float* y, bool streams) {
  write_row(size, y, streams, [=](int64_t i, auto kind) {
    return activated<relu6>(load_as(kind, x + i) * scale + shift);
  });
}

struct GradientSums {
  double products, gradients;
};

// Sums over one channel of gradient * (x - center) and of gradient, where the gradient is dy if it passes ReLU6.
struct ChannelSums {
  Sum products, gradients;

  GradientSums total() { return {products.total(), gradients.total()}; }
  void add(const RowSum& row_products, const RowSum& row_gradients, int64_t count) {
    products.add(row_products, count);
    gradients.add(row_gradients, count);
  }
  template <bool relu6>
  void add_plane(const Shape& shape, int64_t picture, int64_t channel, const float* dy, const float* x, float scale,
                 float shift, float center) {
    const int64_t start = shape.start(picture, channel), ahead = shape.ahead(picture, channel);
    const float *from = dy + start, *in = x + start;
    RowSum row_products, row_gradients;
    for_each_lanes(shape.plane(), [&](int64_t i, auto kind) {
      __builtin_prefetch(from + i + ahead);
      __builtin_prefetch(in + i + ahead);
      const auto read = load_as(kind, in + i);
      const auto gradient = passed<relu6>(load_as(kind, from + i), read * scale + shift);
      row_products.add(gradient * (read - center));
      row_gradients.add(gradient);
    });
    add(row_products, row_gradients, shape.plane());
  }
};

template <bool relu6>
GradientSums gradient_sums(const Shape& shape, int64_t channel, const float* dy, const float* x, float scale,
                           float shift, float center) {
  ChannelSums sums;
  for (int64_t picture = 0; picture < shape.batch; ++picture)
    sums.add_plane<relu6>(shape, picture, channel, dy, x, scale, shift, center);
  return sums.total();
}

}  // namespace kernels
