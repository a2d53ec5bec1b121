// The mean cross-entropy of logits with labels, smoothed or not, the number of right answers, and the gradient.

#include <algorithm>
#include <cmath>

#include "common.h"

namespace {

using kernels::Arguments;

// Of one picture: its largest logit, and the logarithm of the sum of exp(logit - largest).
struct LogSum {
  float largest, log_sum;

  LogSum(const float* logits, int64_t classes) : largest(*std::max_element(logits, logits + classes)) {
    float sum = 0;
    for (int64_t c = 0; c < classes; ++c) sum += std::exp(logits[c] - largest);
    log_sum = std::log(sum);
  }
  float log_probability(float logit) const { return logit - largest - log_sum; }
};

int32_t checked(int32_t label, int64_t classes) {
  kernels::require(label >= 0 && label < classes, kernels::kWrongLabel);
  return label;
}

// logits (B, C), label (B,), smoothing (1,) -> loss (), right answers ()
void forward(const Arguments& arguments) {
  arguments.expect(5, 1);
  const auto [pictures, classes] = arguments.matrix(0);
  arguments.expect_vectors({1}, pictures);
  arguments.expect_vectors({2}, 1);
  arguments.expect_scalars({3, 4});
  const float *logits = arguments.input(0), smoothing = *arguments.input(2);
  const int32_t* labels = arguments.labels(1);

  double total = 0;
  int64_t right = 0;
  for (int64_t picture = 0; picture < pictures; ++picture, logits += classes) {
    const int32_t label = checked(labels[picture], classes);
    const LogSum sum(logits, classes);
    double all = 0;
    for (int64_t c = 0; c < classes; ++c) all += sum.log_probability(logits[c]);
    total -= (1 - smoothing) * sum.log_probability(logits[label]) + smoothing / classes * all;
    right += std::max_element(logits, logits + classes) - logits == label;
  }
  *arguments.output(3) = total / pictures;
  *arguments.output(4) = right;
}

// dloss (), logits, label, smoothing -> dlogits
void backward(const Arguments& arguments) {
  arguments.expect(5, 2);
  const auto [pictures, classes] = arguments.matrix(1);
  arguments.expect_scalars({0});
  arguments.expect_vectors({2}, pictures);
  arguments.expect_vectors({3}, 1);
  kernels::require(arguments.same_shape(4, 1), kernels::kWrongShape);
  const float *logits = arguments.input(1), smoothing = *arguments.input(3);
  const float scale = *arguments.input(0) / pictures;
  const int32_t* labels = arguments.labels(2);
  float* dlogits = arguments.output(4);

  for (int64_t picture = 0; picture < pictures; ++picture, logits += classes, dlogits += classes) {
    const int32_t label = checked(labels[picture], classes);
    const LogSum sum(logits, classes);
    for (int64_t c = 0; c < classes; ++c)
      dlogits[c] = scale * (std::exp(sum.log_probability(logits[c])) - smoothing / classes);
    dlogits[label] -= scale * (1 - smoothing);
  }
}

}  // namespace

KERNEL(CrossEntropyForward, forward)
KERNEL(CrossEntropyBackward, backward)
