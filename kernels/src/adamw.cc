// A step of AdamW on all parameters, in place (Loshchilov and Hutter, 2017, algorithm 2).

#include <algorithm>
#include <cmath>
#include <vector>

#include "common.h"

namespace {

using kernels::Arguments;

constexpr int64_t kPiece = 1 << 14;  // floats of one parameter that a thread takes at once

// A piece of one parameter and of what belongs to it.
struct Piece {
  const float* gradient;
  float *weight, *mean, *square;  // the weights, and the moving averages of the gradient and of its square
  int64_t count;
  float step, shrink;
};

void move(const Piece& p, float rest1, float rest2, float epsilon) {
#pragma omp simd
  for (int64_t i = 0; i < p.count; ++i) {
    const float gradient = p.gradient[i];
    const float mean = p.mean[i] + (gradient - p.mean[i]) * rest1;
    const float square = p.square[i] + (gradient * gradient - p.square[i]) * rest2;
    p.mean[i] = mean;
    p.square[i] = square;
    p.weight[i] = p.weight[i] - p.weight[i] * p.shrink - p.step * mean / (std::sqrt(square) + epsilon);
  }
}

// settings (3,): beta1, beta2, epsilon; decay (n,); beta1^t (), beta2^t (); then of each of n parameters: its gradient,
// learning rate (), weights, moving average of the gradient and of its square -> done ()
void step(const Arguments& arguments) {
  constexpr int kOfAll = 4, kOfEach = 5;
  const int parameters = (arguments.count() - kOfAll - 1) / kOfEach, done = kOfAll + kOfEach * parameters;
  arguments.expect(done + 1);
  arguments.expect_vectors({0}, 3);
  arguments.expect_vectors({1}, parameters);
  arguments.expect_scalars({2, 3, done});
  const float *settings = arguments.input(0), *decay = arguments.input(1);
  const float beta1 = settings[0], beta2 = settings[1];
  const float power1 = *arguments.input(2) * beta1, power2 = *arguments.input(3) * beta2;
  const float correction = std::sqrt(1 - power2) / (1 - power1);

  std::vector<Piece> pieces;
  for (int parameter = 0; parameter < parameters; ++parameter) {
    const int gradient = kOfAll + kOfEach * parameter, rate = gradient + 1, weight = rate + 1;
    arguments.expect_scalars({rate});
    for (int i = weight; i < weight + 3; ++i)
      kernels::require(arguments.same_shape(i, gradient), kernels::kWrongShape);
    const float learning_rate = *arguments.input(rate);
    for (int64_t at = 0, size = arguments.size(gradient); at < size; at += kPiece)
      pieces.push_back({arguments.input(gradient) + at, arguments.output(weight) + at,
                        arguments.output(weight + 1) + at, arguments.output(weight + 2) + at,
                        std::min(kPiece, size - at), learning_rate * correction, learning_rate * decay[parameter]});
  }
  kernels::for_each(pieces.size(), kPiece, [&](int64_t i) { move(pieces[i], 1 - beta1, 1 - beta2, settings[2]); });
  *arguments.output(2) = power1;
  *arguments.output(3) = power2;
  *arguments.output(done) = 1;
}

}  // namespace

KERNEL(AdamWStep, step)
