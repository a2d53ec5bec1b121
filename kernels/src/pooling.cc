// Pooling of 2x2 windows that do not overlap, of x or of ReLU(x); a last odd row or column belongs to no window.

#include <algorithm>

#include "common.h"

namespace {

using kernels::Arguments;
using kernels::Shape;

Shape halved(const Shape& shape) {
  kernels::require(shape.height >= 2 && shape.width >= 2, kernels::kWrongShape);
  return {shape.batch, shape.channels, shape.height / 2, shape.width / 2};
}

inline float larger(float a, float b) { return a < b ? b : a; }

// x -> y; combine(upper left, upper right, lower left, lower right)
template <class Combine>
void forward(const Arguments& arguments, Combine combine) {
  arguments.expect(2);
  const Shape shape = arguments.maps(0), out = halved(shape);
  arguments.expect_maps(1, out);
  const float* x = arguments.input(0);
  float* y = arguments.output(1);

  kernels::for_each(shape.planes(), shape.plane(), [&](int64_t plane) {
    for (int64_t row = 0; row < out.height; ++row) {
      const float* upper = x + plane * shape.plane() + 2 * row * shape.width;
      const float* lower = upper + shape.width;
      float* to = y + plane * out.plane() + row * out.width;
#pragma omp simd
      for (int64_t i = 0; i < out.width; ++i)
        to[i] = combine(upper[2 * i], upper[2 * i + 1], lower[2 * i], lower[2 * i + 1]);
    }
  });
}

template <bool relu>
float activated(float value) {
  return relu ? larger(0.f, value) : value;
}

template <bool relu>
void max_forward(const Arguments& arguments) {
  forward(arguments, [](float a, float b, float c, float d) {
    return activated<relu>(larger(larger(a, b), larger(c, d)));
  });
}

template <bool relu>
void average_forward(const Arguments& arguments) {
  forward(arguments, [](float a, float b, float c, float d) {
    return (activated<relu>(a) + activated<relu>(b) + activated<relu>(c) + activated<relu>(d)) * 0.25f;
  });
}

// Zeros where no window reaches.
void clear_odd_edges(const Shape& shape, float* plane) {
  if (shape.width % 2)
    for (int64_t row = 0; row < shape.height; ++row) plane[(row + 1) * shape.width - 1] = 0.f;
  if (shape.height % 2) std::fill_n(plane + (shape.height - 1) * shape.width, shape.width, 0.f);
}

// dy, x -> dx: to the first of the largest, row by row, as MindSpore does.
template <bool relu>
void max_backward(const Arguments& arguments) {
  arguments.expect(3);
  const Shape shape = arguments.maps(1), out = halved(shape);
  arguments.expect_maps(0, out);
  arguments.expect_maps(2, shape);
  const float *dy = arguments.input(0), *x = arguments.input(1);
  float* dx = arguments.output(2);

  kernels::for_each(shape.planes(), shape.plane(), [&](int64_t plane) {
    std::fill_n(dx + plane * shape.plane(), shape.plane(), 0.f);
    for (int64_t row = 0; row < out.height; ++row) {
      const int64_t start = plane * shape.plane() + 2 * row * shape.width;
      const float *upper = x + start, *lower = upper + shape.width;
      const float* from = dy + plane * out.plane() + row * out.width;
      // Which of four is the largest is hard to guess for a processor: no branch depends on it.
      for (int64_t i = 0; i < out.width; ++i) {
        const float a = upper[2 * i], b = upper[2 * i + 1], c = lower[2 * i], d = lower[2 * i + 1];
        const int64_t below = larger(a, b) < larger(c, d);
        const int64_t right = (below & (c < d)) | ((1 - below) & (a < b));
        dx[start + below * shape.width + 2 * i + right] = from[i];
      }
    }
    if (relu) {
      const float* read = x + plane * shape.plane();
      float* to = dx + plane * shape.plane();
#pragma omp simd
      for (int64_t i = 0; i < shape.plane(); ++i) to[i] = read[i] > 0.f ? to[i] : 0.f;
    }
  });
}

// dy, x -> dx
template <bool relu>
void average_backward(const Arguments& arguments) {
  arguments.expect(3);
  const Shape shape = arguments.maps(1), out = halved(shape);
  arguments.expect_maps(0, out);
  arguments.expect_maps(2, shape);
  const float *dy = arguments.input(0), *x = arguments.input(1);
  float* dx = arguments.output(2);

  kernels::for_each(shape.planes(), shape.plane(), [&](int64_t plane) {
    for (int64_t row = 0; row < 2 * out.height; ++row) {
      const int64_t start = plane * shape.plane() + row * shape.width;
      const float *from = dy + plane * out.plane() + row / 2 * out.width, *read = x + start;
      float* to = dx + start;
#pragma omp simd
      for (int64_t i = 0; i < 2 * out.width; ++i) to[i] = !relu || read[i] > 0.f ? from[i / 2] * 0.25f : 0.f;
    }
    clear_odd_edges(shape, dx + plane * shape.plane());
  });
}

}  // namespace

KERNEL(MaxPoolForward, max_forward<false>)
KERNEL(MaxPoolBackward, max_backward<false>)
KERNEL(AveragePoolForward, average_forward<false>)
KERNEL(AveragePoolBackward, average_backward<false>)
KERNEL(ReluMaxPoolForward, max_forward<true>)
KERNEL(ReluMaxPoolBackward, max_backward<true>)
KERNEL(ReluAveragePoolForward, average_forward<true>)
KERNEL(ReluAveragePoolBackward, average_backward<true>)
