// BatchNorm by the statistics of the batch, alone or with ReLU6 behind it, forward and backward.

#include "activation.h"
#include "common.h"
#include "moments.h"

namespace {

using kernels::Arguments;
using kernels::load_as;
using kernels::passed;
using kernels::Shape;

// x, gamma, beta, moving mean, moving variance, (eps, momentum) -> y, mean, 1 / deviation, both moving ones anew
template <bool relu6>
void forward(const Arguments& arguments) {
  arguments.expect(11);
  const Shape shape = arguments.maps(0);
  arguments.expect_vectors({1, 2, 3, 4, 7, 8, 9, 10}, shape.channels);
  arguments.expect_vectors({5}, 2);
  arguments.expect_maps(6, shape);
  const float *x = arguments.input(0), *gamma = arguments.input(1), *beta = arguments.input(2);
  const float eps = arguments.input(5)[0], momentum = arguments.input(5)[1];
  float *y = arguments.output(6), *mean = arguments.output(7), *inverse_deviation = arguments.output(8);
  const kernels::Statistics statistics = {mean, inverse_deviation, arguments.input(3), arguments.input(4),
                                          arguments.output(9), arguments.output(10)};

  const bool streams = shape.streams(y);
  kernels::for_each(shape.channels, shape.batch * shape.plane(), [&](int64_t channel) {
    kernels::Moments moments = kernels::moments(shape, channel, x);
    statistics.take(channel, moments, eps, momentum);
    const float scale = gamma[channel] * inverse_deviation[channel];
    const float shift = beta[channel] - mean[channel] * scale;
    for (int64_t picture = 0; picture < shape.batch; ++picture) {
      const int64_t start = shape.start(picture, channel);
      kernels::activate<relu6>(x + start, shape.plane(), scale, shift, y + start, streams);
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

  const bool streams = shape.streams(dx);
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
      kernels::write_row(shape.plane(), dx + start, streams, [=](int64_t i, auto kind) {
        const auto read = load_as(kind, in + i);
        const auto gradient = passed<relu6>(load_as(kind, from + i), read * scale + shift);
        return gradient * scale + by_mean + by_deviation * (read - center);
      });
    }
  });
}

}  // namespace

KERNEL(BatchNormForward, forward<false>)
KERNEL(BatchNormRelu6Forward, forward<true>)
KERNEL(BatchNormBackward, backward<false>)
KERNEL(BatchNormRelu6Backward, backward<true>)
