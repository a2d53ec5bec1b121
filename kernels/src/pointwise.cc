// Convolution 1x1: the values, and the gradient of the input.
//
// Both are the product of a small matrix with the maps of a picture, a row for each channel and a column for each place
// of the plane. A panel of columns, of all pictures in a row, is copied together and multiplied by tiles of as many
// rows as fit into registers. Each output is one sum, in the order of the channels.

#include <vector>

#include "lanes.h"
#include "pointwise.h"

namespace {

using kernels::Arguments;
using kernels::kLanes;
using kernels::Lanes;
using kernels::Shape;

// One tile: so many sums, what they are multiplied with and one factor more stay in registers.
constexpr int kRows = kernels::kManyRegisters ? 8 : 4, kRegisters = 3, kColumns = kRegisters * kLanes;

// Lays a matrix out as tiles read it: for each tile and each column, its rows; zeros for those that the matrix has not.
template <class Element>
std::vector<float> packed(int64_t rows, int64_t columns, Element element) {
  const int64_t tiles = (rows + kRows - 1) / kRows;
  std::vector<float> result(tiles * kRows * columns);
  float* to = result.data();
  for (int64_t first = 0; first < rows; first += kRows, to += kRows * columns)
    for (int64_t row = 0; row < std::min<int64_t>(kRows, rows - first); ++row)
      for (int64_t column = 0; column < columns; ++column) to[column * kRows + row] = element(first + row, column);
  return result;
}

// Copies kColumns floats of some rows, without a call of memcpy for each.
void copy_panel(const float* from, int64_t pitch, int64_t rows, float* panel) {
  for (; rows > 0; --rows, from += pitch, panel += kColumns)
    for (int j = 0; j < kRegisters; ++j) kernels::store(kernels::load(from + j * kLanes), panel + j * kLanes);
}

// Where the panel begins that will be multiplied next.
struct Next {
  const float* from;
  int64_t pitch;
};

// out[row][column] = sum over k of factors[k][row] * panel[k][column]; `asks` for the next panel meanwhile.
template <bool asks>
void multiply(const float* factors, const float* panel, int64_t depth, Next next, float* out, int64_t out_pitch,
              bool streams) {
  Lanes sums[kRows][kRegisters] = {};
  for (int64_t k = 0; k < depth; ++k, factors += kRows, panel += kColumns) {
    Lanes read[kRegisters];
    for (int j = 0; j < kRegisters; ++j) read[j] = kernels::load(panel + j * kLanes);
    if constexpr (asks)
      for (int j = 0; j < kRegisters; ++j) __builtin_prefetch(next.from + k * next.pitch + j * kLanes, 0, 2);
    for (int row = 0; row < kRows; ++row) {
      const Lanes factor = kernels::in_register(factors[row] - Lanes{});
      for (int j = 0; j < kRegisters; ++j) sums[row][j] += factor * read[j];
    }
  }
  for (int row = 0; row < kRows; ++row) {
    for (int j = 0; j < kRegisters; ++j) {
      if (streams) kernels::stream(sums[row][j], out + row * out_pitch + j * kLanes);
      else kernels::store(sums[row][j], out + row * out_pitch + j * kLanes);
    }
  }
}

// y = factors * x, for the columns first ... first + count - 1 of all pictures.
void multiply_panel(const std::vector<float>& factors, const float* x, const Shape& in, float* y, const Shape& out,
                    int64_t first, int64_t count, float* panel, bool streams) {
  const int64_t place = first % out.plane();
  const bool in_one_plane = count == kColumns && place + count <= out.plane();
  const float* from = x + first / in.plane() * in.channels * in.plane() + place;
  if (in_one_plane) copy_panel(from, in.plane(), in.channels, panel);
  else kernels::gather(x, in, 0, in.channels, first, count, panel, kColumns);
  for (int64_t row = 0; row < out.channels; row += kRows) {
    const float* tile = factors.data() + row * in.channels;
    const int64_t rows = std::min<int64_t>(kRows, out.channels - row);
    if (in_one_plane && rows == kRows) {
      float* to = y + (first / out.plane() * out.channels + row) * out.plane() + place;
      const auto kernel = row == 0 ? multiply<true> : multiply<false>;
      kernel(tile, panel, in.channels, {from + kColumns, in.plane()}, to, out.plane(), streams);
      continue;
    }
    float sums[kRows * kColumns];
    multiply<false>(tile, panel, in.channels, {}, sums, kColumns, false);
    kernels::for_each_part(out.plane(), first, count, [&](int64_t picture, int64_t at, int64_t done, int64_t length) {
      for (int64_t i = 0; i < rows; ++i)
        std::copy_n(sums + i * kColumns + done, length, y + (picture * out.channels + row + i) * out.plane() + at);
    });
  }
}

void multiply_maps(const std::vector<float>& factors, const float* x, const Shape& in, float* y, const Shape& out) {
  const int64_t columns = in.batch * in.plane(), panels = (columns + kColumns - 1) / kColumns;
  const kernels::Scratch scratch(in.channels * kColumns);
  const bool streams = out.streams(y);
  kernels::for_each(panels, (in.channels + out.channels) * kColumns, [&](int64_t panel) {
    const int64_t first = panel * kColumns;
    multiply_panel(factors, x, in, y, out, first, std::min<int64_t>(kColumns, columns - first), scratch.mine(),
                   streams);
  });
}

// x (N, C, H, W), weight (O, C, 1, 1) -> y (N, O, H, W)
void forward(const Arguments& arguments) {
  arguments.expect(3);
  const Shape in = arguments.maps(0), out = {in.batch, arguments.maps(1).batch, in.height, in.width};
  arguments.expect_maps(1, {out.channels, in.channels, 1, 1});
  arguments.expect_maps(2, out);
  const float* weight = arguments.input(1);
  const auto element = [&](int64_t o, int64_t c) { return weight[o * in.channels + c]; };
  const auto factors = packed(out.channels, in.channels, element);
  multiply_maps(factors, arguments.input(0), in, arguments.output(2), out);
}

// dy, weight, x (for its shape) -> dx
void input_gradient(const Arguments& arguments) {
  arguments.expect(4);
  const Shape in = arguments.maps(2), out = {in.batch, arguments.maps(1).batch, in.height, in.width};
  arguments.expect_maps(0, out);
  arguments.expect_maps(1, {out.channels, in.channels, 1, 1});
  arguments.expect_maps(3, in);
  const float* weight = arguments.input(1);
  const auto element = [&](int64_t c, int64_t o) { return weight[o * in.channels + c]; };
  const auto factors = packed(in.channels, out.channels, element);
  multiply_maps(factors, arguments.input(0), out, arguments.output(3), in);
}

}  // namespace

// For kernels/swap.py, which decides by it.
extern "C" int RegisterBytes() { return kernels::kBytes; }

KERNEL(PointwiseForward, forward)
KERNEL(PointwiseInputGradient, input_gradient)
