// BatchNorm by the statistics of the batch, alone or with ReLU6 behind it, forward and backward.

#include <algorithm>
#include <cmath>

#include "activation.h"
#include "common.h"

namespace {

using kernels::Arguments;
using kernels::for_each_lanes;
using kernels::load_as;
using kernels::passed;
using kernels::RowSum;
using kernels::Shape;
using kernels::store;
using kernels::Sum;

struct Moments {
  double count, mean, squares;  // of distances from the mean
};

// Moments of one channel. Distances are taken from the first plane's mean: near enough for their squares to keep their
// digits, and known before the channel is read.
Moments moments(const Shape& shape, int64_t channel, const float* x) {
  const auto plane = [&](int64_t picture) { return x + shape.start(picture, channel); };
  RowSum row;
  for_each_lanes(shape.plane(), [&, in = plane(0)](int64_t i, auto kind) { row.add(load_as(kind, in + i)); });
  const float center = (kernels::sum_of(row.lanes) + row.rest) / shape.plane();

  Sum distances, squares;
  for (int64_t picture = 0; picture < shape.batch; ++picture) {
    const int64_t ahead = shape.ahead(picture, channel);
    RowSum row_distances, row_squares;
    for_each_lanes(shape.plane(), [&, in = plane(picture)](int64_t i, auto kind) {
      __builtin_prefetch(in + i + ahead);
      const auto distance = load_as(kind, in + i) - center;
      row_distances.add(distance);
      row_squares.add(distance * distance);
    });
    distances.add(row_distances, shape.plane());
    squares.add(row_squares, shape.plane());
  }
  const double count = double(shape.batch) * shape.plane(), rest = distances.total();
  // Rounding may take equal values below zero; NaN is not less, and stays.
  return {count, center + rest / count, std::max(squares.total() - rest * rest / count, 0.0)};
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
    const Moments all = moments(shape, channel, x);
    mean[channel] = all.mean;
    inverse_deviation[channel] = 1 / std::sqrt(all.squares / all.count + eps);
    // Like MindSpore's: the variance without bias, which one value alone does not have.
    const float unbiased = all.squares / (all.count - 1);
    new_mean[channel] = (1 - momentum) * moving_mean[channel] + momentum * mean[channel];
    new_variance[channel] = (1 - momentum) * moving_variance[channel] + momentum * unbiased;

    const float scale = gamma[channel] * inverse_deviation[channel];
    const float shift = beta[channel] - mean[channel] * scale;
    for (int64_t picture = 0; picture < shape.batch; ++picture) {
      const int64_t start = shape.start(picture, channel);
      kernels::activate<relu6>(x + start, shape.plane(), scale, shift, y + start);
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
    const auto sums = kernels::gradient_sums<relu6>(shape, channel, dy, x, scale, shift, center);
    dgamma[channel] = sums.products * inverse;
    dbeta[channel] = sums.gradients;

    const double count = double(shape.batch) * shape.plane();
    const float by_mean = -scale * sums.gradients / count;
    const float by_deviation = -scale * inverse * inverse * sums.products / count;
    for (int64_t picture = 0; picture < shape.batch; ++picture) {
      const int64_t start = shape.start(picture, channel);
      const float *from = dy + start, *in = x + start;
      float* out = dx + start;
      for_each_lanes(shape.plane(), [=](int64_t i, auto kind) {
        const auto read = load_as(kind, in + i);
        const auto gradient = passed<relu6>(load_as(kind, from + i), read * scale + shift);
        store(gradient * scale + by_mean + by_deviation * (read - center), out + i);
      });
    }
  });
}

}  // namespace

KERNEL(BatchNormForward, forward<false>)
KERNEL(BatchNormRelu6Forward, forward<true>)
KERNEL(BatchNormBackward, backward<false>)
KERNEL(BatchNormRelu6Backward, backward<true>)
