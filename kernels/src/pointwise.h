// What the kernels of 1x1 convolutions share: the maps of all pictures seen as one matrix with a row for each channel.
#pragma once

#include <algorithm>

#include "common.h"

namespace kernels {

// Calls body(picture, place, done, length) for each picture's part of the columns first ... first + count - 1: the part
// begins at `place` of the picture's plane, and at `done` of the columns.
template <class Body>
void for_each_part(int64_t plane, int64_t first, int64_t count, Body body) {
  for (int64_t done = 0; done < count;) {
    const int64_t place = (first + done) % plane, length = std::min(plane - place, count - done);
    body((first + done) / plane, place, done, length);
    done += length;
  }
}

// Copies columns of some channels into rows of `pitch` floats; the floats behind the columns become zero.
inline void gather(const float* maps, const Shape& shape, int64_t channel, int64_t channels, int64_t first,
                   int64_t count, float* rows, int64_t pitch) {
  for_each_part(shape.plane(), first, count, [&](int64_t picture, int64_t place, int64_t done, int64_t length) {
    const float* from = maps + (picture * shape.channels + channel) * shape.plane() + place;
    for (int64_t row = 0; row < channels; ++row)
      std::copy_n(from + row * shape.plane(), length, rows + row * pitch + done);
  });
  if (count == pitch) return;
  for (int64_t row = 0; row < channels; ++row) std::fill_n(rows + row * pitch + count, pitch - count, 0.f);
}

}  // namespace kernels
