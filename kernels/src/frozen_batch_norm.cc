// BatchNorm by its running statistics, alone or with ReLU6 behind it: y = x * scale + shift for each channel.

#include <cmath>

#include "activation.h"
#include "common.h"

namespace {

using kernels::activated;
using kernels::Arguments;
using kernels::inside;
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

  kernels::for_each(shape.planes(), shape.plane(), [&](int64_t plane) {
    const float scale = parameters.scale(plane % shape.channels), shift = parameters.shift(plane % shape.channels);
    const float* in = x + plane * shape.plane();
    float* out = y + plane * shape.plane();
#pragma omp simd
    for (int64_t i = 0; i < shape.plane(); ++i) out[i] = activated<relu6>(in[i] * scale + shift);
  });
}

template <bool relu6>
void input_gradient(const Shape& shape, const Parameters& parameters, const float* dy, const float* x, float* dx) {
  kernels::for_each(shape.planes(), shape.plane(), [&](int64_t plane) {
    const float scale = parameters.scale(plane % shape.channels), shift = parameters.shift(plane % shape.channels);
    const float *from = dy + plane * shape.plane(), *in = x + plane * shape.plane();
    float* out = dx + plane * shape.plane();
#pragma omp simd
    for (int64_t i = 0; i < shape.plane(); ++i)
      out[i] = inside<relu6>(in[i] * scale + shift) ? from[i] * scale : 0.f;
  });
}

template <bool relu6>
void parameter_gradients(const Shape& shape, const Parameters& parameters, const float* dy, const float* x,
                         float* dgamma, float* dbeta) {
  kernels::for_each(shape.channels, shape.batch * shape.plane(), [&](int64_t channel) {
    double products = 0, gradients = 0;
    for (int64_t picture = 0; picture < shape.batch; ++picture) {
      const int64_t start = (picture * shape.channels + channel) * shape.plane();
      const kernels::Sums sums = kernels::gradient_sums<relu6>(
          dy + start, x + start, shape.plane(), parameters.scale(channel), parameters.shift(channel),
          parameters.mean[channel]);
      products += sums.products;
      gradients += sums.gradients;
    }
    dgamma[channel] = products * parameters.inverse_deviation(channel);
    dbeta[channel] = gradients;
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
