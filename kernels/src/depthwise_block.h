// BatchNorm, ReLU6, depthwise 3x3 convolution with padding 1, BatchNorm, ReLU6, as one: what both directions share.
//
// All of it happens inside one channel, whose maps stay in the caches from one layer to the next: memory is read and
// written once where five layers after another do it five times.
#pragma once

#include <algorithm>
#include <type_traits>

#include "activation.h"
#include "common.h"
#include "lanes.h"

namespace kernels {

constexpr int kTaps = 9;

// BatchNorm of one channel: y = x * scale + shift.
struct Normalisation {
  float scale = 0, shift = 0, center = 0, inverse = 0;

  Normalisation() = default;
  Normalisation(float gamma, float beta, float mean, float inverse_deviation)
      : scale(gamma * inverse_deviation), shift(beta - mean * scale), center(mean), inverse(inverse_deviation) {}
};

// A plane between zeros: its rows begin at full registers, and behind each there is at least one zero, which is the one
// before the next row as well. Above the first row and below the last there is a row of zeros.
struct Grid {
  int64_t height, width, pitch;

  Grid(int64_t height, int64_t width) : height(height), width(width), pitch(rounded_up(width + 1, kLanes)) {}
  int64_t size() const { return 2 * kLanes + (height + 2) * pitch; }
  float* origin(float* memory) const { return memory + kLanes + pitch; }
};

// Where 3x3 windows find what they read: by stride 1 in one grid, by stride 2 in four, of the even and the odd columns
// of the even and the odd rows.
template <int stride>
class Windows {
 public:
  explicit Windows(const Shape& in)
      : height_(in.height), width_(in.width),
        grid_((in.height + stride - 1) / stride, (in.width + stride - 1) / stride) {}
  // The grid of each, which is that of the output too.
  const Grid& grid() const { return grid_; }
  int64_t size() const { return stride * stride * grid_.size(); }

  // Takes in a plane after BatchNorm and ReLU6; `memory` held zeros at first. `ahead`: how far ahead of a float the one
  // is that should be asked for now.
  void fill(const float* x, const Normalisation& norm, int64_t ahead, float* memory) const {
    const int64_t width = width_, pitch = grid_.pitch, grid_size = grid_.size();
    const float scale = norm.scale, shift = norm.shift;
    const auto value = [=](const float* row, int64_t i) {
      __builtin_prefetch(row + i + ahead);
      return keep_first(activated<true>(load_first(row + i, width - i) * scale + shift), width - i);
    };
    for (int64_t y = 0; y < height_; ++y, x += width) {
      float* to = grid_.origin(memory + y % stride * stride * grid_size) + y / stride * pitch;
      for (int64_t i = 0; i < grid_.width; i += kLanes) {
        if constexpr (stride == 1) {
          store(value(x, i), to + i);
        } else {
          const Pair columns = take_apart(value(x, 2 * i), value(x, 2 * i + kLanes));
          store(columns.first, to + i);
          store(columns.second, to + grid_size + i);
        }
      }
    }
  }
  // The nine places that the first window reads; each row of windows is a pitch further.
  void taps(float* memory, const float** tap) const {
    for (int k = 0; k < kTaps; ++k) {
      const int64_t row = k / 3 - 1, column = k % 3 - 1;
      const int phase = stride == 1 ? 0 : (row != 0) * 2 + (column != 0);
      const int64_t up = stride == 1 ? row : -(row < 0), left = stride == 1 ? column : -(column < 0);
      tap[k] = grid_.origin(memory + phase * grid_.size()) + up * grid_.pitch + left;
    }
  }

 private:
  int64_t height_, width_;
  Grid grid_;
};

// Channels that are computed together: small planes, of which one alone is too short a piece of memory to be foreseen
// by the processor. All of them are prepared before the first is read, for processors wait where they read across what
// they have just written.
struct Block {
  static constexpr int kMost = 20;
  int64_t first, count;

  static int64_t channels(const Shape& in) { return std::clamp<int64_t>(1024 / in.plane(), 1, kMost); }
};

// Calls body(block) for all channels.
template <class Body>
void for_each_block(const Shape& in, Body body) {
  const int64_t together = Block::channels(in);
  for_each((in.channels + together - 1) / together, together * in.batch * in.plane(), [&](int64_t i) {
    body(Block{i * together, std::min(together, in.channels - i * together)});
  });
}

// Nine weights, each in a whole register.
struct Weights {
  Lanes of[kTaps];

  explicit Weights(const float* weight) {
    for (int k = 0; k < kTaps; ++k) of[k] = in_register(weight[k] - Lanes{});
  }
};

// Calls body(row, column, y) for what lies around some rows, from -1 to `rows`, and for each row y of those that has it
// in its window. All of it is unrolled.
template <int rows, class Read, class Use>
inline __attribute__((always_inline)) void for_each_window(Read read, Use use) {
#pragma GCC unroll 8
  for (int row = -1; row <= rows; ++row) {
#pragma GCC unroll 3
    for (int column = 0; column < 3; ++column) {
      const Lanes value = in_register(read(row, column - 1));
#pragma GCC unroll 4
      for (int y = 0; y < rows; ++y)
        if (y >= row - 1 && y <= row + 1) use(y, (row - y + 1) * 3 + column, value);
    }
  }
}

// Calls body(row, rows) for all rows, four together, which share what they read, and then one by one.
template <class Body>
inline void for_each_rows(int64_t count, Body body) {
  int64_t row = 0;
  for (; row + 4 <= count; row += 4) body(row, std::integral_constant<int, 4>());
  for (; row < count; ++row) body(row, std::integral_constant<int, 1>());
}

// Calls take(y, i, values) with the sums of weight[k] * from[y + k / 3 - 1][i + k % 3 - 1], for each full register.
template <class Take>
inline void correlate(const float* from, const Grid& grid, const float* weight, Take take) {
  const Weights weights(weight);
  const int64_t width = grid.width, pitch = grid.pitch;
  for_each_rows(grid.height, [=](int64_t first, auto rows) {
    for (int64_t i = 0; i < width; i += kLanes) {
      Lanes sums[rows.value] = {};
      for_each_window<rows.value>(
          [=](int row, int column) { return load(from + (first + row) * pitch + i + column); },
          [&](int y, int k, Lanes value) { sums[y] += weights.of[k] * value; });
      for (int y = 0; y < rows.value; ++y) take(first + y, i, sums[y]);
    }
  });
}

}  // namespace kernels
