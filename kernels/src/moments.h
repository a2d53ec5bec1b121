// Mean and variance of one channel, and what BatchNorm makes of them.
#pragma once

#include <algorithm>
#include <cmath>

#include "common.h"
#include "lanes.h"

namespace kernels {

// Moments of one channel, plane by plane. Distances are taken from the first plane's mean: near enough for their
// squares to keep their digits, and known before the channel is read.
class Moments {
 public:
  // `ahead`: how far ahead of a float the one is that should be asked for now.
  void add(const float* plane, int64_t size, int64_t ahead) {
    if (count_ == 0) center_ = mean_of(plane, size);
    RowSum distances, squares;
    for_each_lanes(size, [&](int64_t i, auto kind) {
      __builtin_prefetch(plane + i + ahead);
      const auto distance = load_as(kind, plane + i) - center_;
      distances.add(distance);
      squares.add(distance * distance);
    });
    distances_.add(distances, size);
    squares_.add(squares, size);
    count_ += size;
  }
  double count() const { return count_; }
  double mean() { return center_ + distances_.total() / count_; }
  // Of distances from the mean. Rounding may take equal values below zero; NaN is not less, and stays.
  double squares() {
    const double rest = distances_.total();
    return std::max(squares_.total() - rest * rest / count_, 0.0);
  }

 private:
  static float mean_of(const float* plane, int64_t size) {
    RowSum row;
    for_each_lanes(size, [&](int64_t i, auto kind) { row.add(load_as(kind, plane + i)); });
    return (sum_of(row.lanes) + row.rest) / size;
  }
  float center_ = 0;
  double count_ = 0;
  Sum distances_, squares_;
};

inline Moments moments(const Shape& shape, int64_t channel, const float* x) {
  Moments result;
  for (int64_t picture = 0; picture < shape.batch; ++picture)
    result.add(x + shape.start(picture, channel), shape.plane(), shape.ahead(picture, channel));
  return result;
}

// BatchNorm's statistics, each (C,): those of the batch, and the moving ones before and after it.
struct Statistics {
  float *mean, *inverse_deviation;
  const float *moving_mean, *moving_variance;
  float *new_mean, *new_variance;

  void take(int64_t channel, Moments& moments, float eps, float momentum) const {
    mean[channel] = moments.mean();
    inverse_deviation[channel] = 1 / std::sqrt(moments.squares() / moments.count() + eps);
    // Like MindSpore's: the variance without bias, which one value alone does not have.
    const float unbiased = moments.squares() / (moments.count() - 1);
    new_mean[channel] = (1 - momentum) * moving_mean[channel] + momentum * mean[channel];
    new_variance[channel] = (1 - momentum) * moving_variance[channel] + momentum * unbiased;
  }
};

}  // namespace kernels
