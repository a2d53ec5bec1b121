// BatchNorm by the statistics of the batch, alone or with ReLU6 behind it, forward and backward.

#include <cmath>

#include "activation.h"
#include "common.h"

namespace {

using kernels::activated;
using kernels::Arguments;
using kernels::inside;
using kernels::Shape;

// Number, mean and sum of squared distances from the mean of some values; sets of values are joined without another
// look at them (Chan, Golub, LeVeque, 1979).
struct Moments {
  double count = 0, mean = 0, squares = 0;

  void join(const Moments& other) {
    const double both = count + other.count, distance = other.mean - mean;
    mean += distance * other.count / both;
    squares += other.squares + distance * distance * count * other.count / both;
    count = both;
  }
};

Moments moments(const float* x, int64_t size) {
  float sum = 0;
#pragma omp simd reduction(+ : sum)
  for (int64_t i = 0; i < size; ++i) sum += x[i];
  const float mean = sum / size;
  float squares = 0, rest = 0;
#pragma omp simd reduction(+ : squares, rest)
  for (int64_t i = 0; i < size; ++i) {
    const float distance = x[i] - mean;
    squares += distance * distance;
    rest += distance;
  }
  // `mean` is rounded, so the distances do not sum up to zero.
  return {double(size), mean + double(rest) / size, squares - double(rest) * rest / size};
}

// x, gamma, beta, moving mean, moving variance, (eps, momentum) -> y, mean, 1 / deviation, both moving ones anew
template <bool relu6>
void forward(const Arguments& arguments) {
  arguments.expect(11);
  const Shape shape = arguments.maps(0);
  arguments.expect_vectors({1, 2, 3, 4, 7, 8, 9, 10}, shape.channels);
  arguments.expect_vectors({5}, 2);
  arguments.expect_maps(6, shape);
  const float *x = arguments.input(0), *gamma = arguments.input(1), *beta = arguments.input(2);
  const float *moving_mean = arguments.input(3), *moving_variance = arguments.input(4);
  const float eps = arguments.input(5)[0], momentum = arguments.input(5)[1];
  float *y = arguments.output(6), *mean = arguments.output(7), *inverse_deviation = arguments.output(8);
  float *new_mean = arguments.output(9), *new_variance = arguments.output(10);

  kernels::for_each(shape.channels, shape.batch * shape.plane(), [&](int64_t channel) {
    Moments all;
    for (int64_t picture = 0; picture < shape.batch; ++picture)
      all.join(moments(x + (picture * shape.channels + channel) * shape.plane(), shape.plane()));
    mean[channel] = all.mean;
    inverse_deviation[channel] = 1 / std::sqrt(all.squares / all.count + eps);
    // Like MindSpore's: the variance without bias, which one value alone does not have.
    const float unbiased = all.squares / (all.count - 1);
    new_mean[channel] = (1 - momentum) * moving_mean[channel] + momentum * mean[channel];
    new_variance[channel] = (1 - momentum) * moving_variance[channel] + momentum * unbiased;

    const float scale = gamma[channel] * inverse_deviation[channel];
    const float shift = beta[channel] - mean[channel] * scale;
    for (int64_t picture = 0; picture < shape.batch; ++picture) {
      const int64_t start = (picture * shape.channels + channel) * shape.plane();
      const float* in = x + start;
      float* out = y + start;
#pragma omp simd
      for (int64_t i = 0; i < shape.plane(); ++i) out[i] = activated<relu6>(in[i] * scale + shift);
    }
  });
}

// dy, x, gamma, beta, mean, 1 / deviation -> dx, dgamma, dbeta
template <bool relu6>
void backward(const Arguments& arguments) {
  arguments.expect(9);
  const Shape shape = arguments.maps(1);
  arguments.expect_vectors({2, 3, 4, 5, 7, 8}, shape.channels);
  arguments.expect_maps(0, shape);
  arguments.expect_maps(6, shape);
  const float *dy = arguments.input(0), *x = arguments.input(1), *gamma = arguments.input(2);
  const float *beta = arguments.input(3), *mean = arguments.input(4), *inverse_deviation = arguments.input(5);
  float *dx = arguments.output(6), *dgamma = arguments.output(7), *dbeta = arguments.output(8);

  kernels::for_each(shape.channels, shape.batch * shape.plane(), [&](int64_t channel) {
    const float center = mean[channel], inverse = inverse_deviation[channel];
    const float scale = gamma[channel] * inverse, shift = beta[channel] - center * scale;
    double all_products = 0, all_gradients = 0;
    for (int64_t picture = 0; picture < shape.batch; ++picture) {
      const int64_t start = (picture * shape.channels + channel) * shape.plane();
      const kernels::Sums sums = kernels::gradient_sums<relu6>(
          dy + start, x + start, shape.plane(), scale, shift, center);
      all_products += sums.products;
      all_gradients += sums.gradients;
    }
    dgamma[channel] = all_products * inverse;
    dbeta[channel] = all_gradients;

    const double count = double(shape.batch) * shape.plane();
    const float by_mean = -scale * all_gradients / count;
    const float by_deviation = -scale * inverse * inverse * all_products / count;
    for (int64_t picture = 0; picture < shape.batch; ++picture) {
      const int64_t start = (picture * shape.channels + channel) * shape.plane();
      const float *from = dy + start, *in = x + start;
      float* out = dx + start;
#pragma omp simd
      for (int64_t i = 0; i < shape.plane(); ++i) {
        const float gradient = inside<relu6>(in[i] * scale + shift) ? from[i] : 0.f;
        out[i] = gradient * scale + by_mean + by_deviation * (in[i] - center);
      }
    }
  });
}

}  // namespace

KERNEL(BatchNormForward, forward<false>)
KERNEL(BatchNormRelu6Forward, forward<true>)
KERNEL(BatchNormBackward, backward<false>)
KERNEL(BatchNormRelu6Backward, backward<true>)
