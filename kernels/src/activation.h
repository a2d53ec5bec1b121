// ReLU6 behind a normalisation: y = min(max(x * scale + shift, 0), 6), or without it y = x * scale + shift.
#pragma once

#include "common.h"

namespace kernels {

// Comparisons with NaN are false, so NaN stays NaN.
template <bool relu6>
inline float activated(float value) {
  if constexpr (relu6) {
    value = value < 0.f ? 0.f : value;
    value = value > 6.f ? 6.f : value;
  }
  return value;
}

// Whether the gradient passes; like MindSpore's, at 6 but not at 0.
template <bool relu6>
inline bool inside(float value) {
  if constexpr (relu6) return value > 0.f && value <= 6.f;
  return true;
}

struct Sums {
  double products, gradients;
};

// Sums of gradient * (x - center) and of gradient over one plane, where the gradient is dy if it passes ReLU6.
template <bool relu6>
Sums gradient_sums(const float* dy, const float* x, int64_t size, float scale, float shift, float center) {
  float products = 0, gradients = 0;
#pragma omp simd reduction(+ : products, gradients)
  for (int64_t i = 0; i < size; ++i) {
    const float gradient = inside<relu6>(x[i] * scale + shift) ? dy[i] : 0.f;
    products += gradient * (x[i] - center);
    gradients += gradient;
  }
  return {products, gradients};
}

}  // namespace kernels
