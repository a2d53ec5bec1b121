// BatchNorm by its running statistics, alone or with ReLU6 behind it: y = x * scale + shift for each channel.

#include <cmath>

#include "activation.h"
#include "common.h"

namespace {

using kernels::Arguments;
using kernels::load_as;
using kernels::passed;
using kernels::Shape;

// The parameters of one call, each (C,), and eps (1,), from argument `first` on.
struct Parameters {
  const float *gamma, *beta, *mean, *variance;
  float eps;

  Parameters(const Arguments& arguments, int first, int64_t channels) {
    arguments.expect_vectors({first, first + 1, first + 2, first + 3}, channels);
    arguments.expect_vectors({first + 4}, 1);
    gamma = arguments.input(first);
    beta = arguments.input(first + 1);
    mean = arguments.input(first + 2);
    variance = arguments.input(first + 3);
    eps = arguments.input(first + 4)[0];
  }
  float inverse_deviation(int64_t channel) const { return 1 / std::sqrt(variance[channel] + eps); }
  float scale(int64_t channel) const { return gamma[channel] * inverse_deviation(channel); }
  float shift(int64_t channel) const { return beta[channel] - mean[channel] * scale(channel); }
};

// x, parameters -> y
template <bool relu6>
void forward(const Arguments& arguments) {
  arguments.expect(7);
  const Shape shape = arguments.maps(0);
  const Parameters parameters(arguments, 1, shape.channels);
  arguments.expect_maps(6, shape);
  const float* x = arguments.input(0);
  float* y = arguments.output(6);

  const bool streams = shape.streams(y);
  kernels::for_each(shape.planes(), shape.plane(), [&](int64_t plane) {
    const float scale = parameters.scale(plane % shape.channels), shift = parameters.shift(plane % shape.channels);
    const int64_t start = plane * shape.plane();
    kernels::activate<relu6>(x + start, shape.plane(), scale, shift, y + start, streams);
  });
}

template <bool relu6>
void input_gradient(const Shape& shape, const Parameters& parameters, const float* dy, const float* x, float* dx) {
  const bool streams = shape.streams(dx);
  kernels::for_each(shape.planes(), shape.plane(), [&](int64_t plane) {
    const float scale = parameters.scale(plane % shape.channels), shift = parameters.shift(plane % shape.channels);
    const float *from = dy + plane * shape.plane(), *in = x + plane * shape.plane();
    kernels::write_row(shape.plane(), dx + plane * shape.plane(), streams, [=](int64_t i, auto kind) {
      const auto value = load_as(kind, in + i) * scale + shift;
      return passed<relu6>(load_as(kind, from + i) * scale, value);
    });
  });
}

template <bool relu6>
void parameter_gradients(const Shape& shape, const Parameters& parameters, const float* dy, const float* x,
                         float* dgamma, float* dbeta) {
  kernels::for_each(shape.channels, shape.batch * shape.plane(), [&](int64_t channel) {
    const auto sums = kernels::gradient_sums<relu6>(shape, channel, dy, x, parameters.scale(channel),
                                                    parameters.shift(channel), parameters.mean[channel]);
    dgamma[channel] = sums.products * parameters.inverse_deviation(channel);
    dbeta[channel] = sums.gradients;
  });
}

// dy, x, parameters -> dx, and dgamma and dbeta where they train
template <bool relu6, bool trains>
void backward(const Arguments& arguments) {
  arguments.expect(trains ? 10 : 8);
  const Shape shape = arguments.maps(1);
  const Parameters parameters(arguments, 2, shape.channels);
  arguments.expect_maps(0, shape);
  arguments.expect_maps(7, shape);
  if constexpr (trains) arguments.expect_vectors({8, 9}, shape.channels);
  const float *dy = arguments.input(0), *x = arguments.input(1);

  input_gradient<relu6>(shape, parameters, dy, x, arguments.output(7));
  if constexpr (trains)
    parameter_gradients<relu6>(shape, parameters, dy, x, arguments.output(8), arguments.output(9));
}

}  // namespace

KERNEL(FrozenBatchNormForward, forward<false>)
KERNEL(FrozenBatchNormRelu6Forward, forward<true>)
KERNEL(FrozenBatchNormBackward, backward<false, false>)
KERNEL(FrozenBatchNormRelu6Backward, backward<true, false>)
KERNEL(FrozenBatchNormBackwardTraining, backward<false, true>)
KERNEL(FrozenBatchNormRelu6BackwardTraining, backward<true, true>)
