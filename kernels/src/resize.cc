// Pillow's resize of RGB pictures, to the bit: along the rows, then along the columns, in integers of 22 bits behind
// the point, with a rounding to bytes in between. No MindSpore kernel: datazoo's threads call it through
// kernels/resize.py, each with the whole of its own picture.
#include <algorithm>
#include <cstdint>
#include <memory>

#include "common.h"

namespace kernels {
namespace {

constexpr int kRows = 16;  // of the picture, side by side in a register
constexpr int kBits = 22;

// For each of `size` samples: the first of `taps` samples that it is mixed of, and their weights.
struct Axis {
  const int32_t* starts;
  const int32_t* weights;
  int64_t taps, size;
};

typedef uint8_t Bytes __attribute__((vector_size(kRows), aligned(1), may_alias));

// Writes the columns of 16 rows of 16 bytes as rows.
inline void transpose(const uint8_t* from, int64_t from_pitch, uint8_t* to, int64_t to_pitch) {
#if defined(__clang__) || __GNUC__ >= 12
  Bytes rows[kRows], mixed[kRows];
  for (int i = 0; i < kRows; ++i) rows[i] = *reinterpret_cast<const Bytes*>(from + i * from_pitch);
  for (int stage = 0; stage < 4; ++stage) {
    for (int i = 0; i < kRows / 2; ++i) {
      const Bytes a = rows[i], b = rows[i + kRows / 2];
      mixed[2 * i] = __builtin_shufflevector(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
      mixed[2 * i + 1] = __builtin_shufflevector(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
    }
    std::copy_n(mixed, kRows, rows);
  }
  for (int i = 0; i < kRows; ++i) *reinterpret_cast<Bytes*>(to + i * to_pitch) = rows[i];
#else
  for (int i = 0; i < kRows; ++i)
    for (int j = 0; j < kRows; ++j) to[j * to_pitch + i] = from[i * from_pitch + j];
#endif
}

// Lays rows out such that the samples of all that are in one column follow each other; `rows` is at most kRows.
void to_columns(const uint8_t* from, int64_t pitch, int64_t rows, int64_t length, uint8_t* to) {
  int64_t at = 0;
  if (rows == kRows)
    for (; at + kRows <= length; at += kRows) transpose(from + at, pitch, to + at * kRows, kRows);
  for (; at < length; ++at)
    for (int64_t row = 0; row < rows; ++row) to[at * kRows + row] = from[row * pitch + at];
}

// The way back.
void to_rows(const uint8_t* from, int64_t rows, int64_t length, uint8_t* to) {
  int64_t at = 0;
  if (rows == kRows)
    for (; at + kRows <= length; at += kRows) transpose(from + at * kRows, kRows, to + at, length);
  for (; at < length; ++at)
    for (int64_t row = 0; row < rows; ++row) to[row * length + at] = from[at * kRows + row];
}

// Mixes `count` neighbours at once, `many` of which fill registers: out = the sum over taps of in[tap * pitch] * weight.
template <int many>
inline void mix(const uint8_t* in, int64_t pitch, const int32_t* weights, int64_t taps, int64_t count, uint8_t* out) {
  int32_t sums[many];
  std::fill_n(sums, many, 1 << (kBits - 1));
  for (int64_t tap = 0; tap < taps; ++tap)
    for (int64_t i = 0; i < count; ++i) sums[i] += in[tap * pitch + i] * weights[tap];
  for (int64_t i = 0; i < count; ++i) out[i] = static_cast<uint8_t>(std::clamp(sums[i] >> kBits, 0, 255));
}

void resize(const uint8_t* pixels, int64_t pitch, int64_t height, int64_t width, const Axis& x, const Axis& y,
            uint8_t* out) {
  constexpr int kPixel = 3 * kRows, kStrip = 64;
  const int64_t length = 3 * x.size;
  const auto memory = [](int64_t bytes) { return std::unique_ptr<uint8_t[]>(new uint8_t[bytes]); };
  // Rows behind the last one are mixed too, and thrown away.
  const auto wide = memory(width * kPixel), narrow = memory(x.size * kPixel), rows = memory(height * length);
  std::fill_n(wide.get(), width * kPixel, 0);
  for (int64_t row = 0; row < height; row += kRows) {
    const int64_t count = std::min<int64_t>(kRows, height - row);
    to_columns(pixels + row * pitch, pitch, count, 3 * width, wide.get());
    for (int64_t i = 0; i < x.size; ++i)
      mix<kPixel>(wide.get() + x.starts[i] * kPixel, kPixel, x.weights + i * x.taps, x.taps, kPixel,
                  narrow.get() + i * kPixel);
    to_rows(narrow.get(), count, length, rows.get() + row * length);
  }
  for (int64_t i = 0; i < y.size; ++i) {
    const uint8_t* from = rows.get() + y.starts[i] * length;
    const int32_t* weights = y.weights + i * y.taps;
    uint8_t* to = out + i * length;
    int64_t at = 0;
    for (; at + kStrip <= length; at += kStrip) mix<kStrip>(from + at, length, weights, y.taps, kStrip, to + at);
    mix<kStrip>(from + at, length, weights, y.taps, length - at, to + at);
  }
}

}  // namespace
}  // namespace kernels

// pixels: RGB bytes (height, width, 3), rows `pitch` bytes apart. out: (size_y, size_x, 3). An axis has `starts` (size)
// and `weights` (size, taps), see kernels/resize.py. Returns a Status.
extern "C" int ResizeRgb(const uint8_t* pixels, int64_t pitch, int64_t height, int64_t width, const int32_t* starts_x,
                         const int32_t* weights_x, int64_t taps_x, int64_t size_x, const int32_t* starts_y,
                         const int32_t* weights_y, int64_t taps_y, int64_t size_y, uint8_t* out) {
  return kernels::guarded([&] {
    kernels::resize(pixels, pitch, height, width, {starts_x, weights_x, taps_x, size_x},
                    {starts_y, weights_y, taps_y, size_y}, out);
  });
}
