// Convolution 1x1: the gradient of the weight, the scalar products of every channel of dy with every channel of x.
//
// The columns of all pictures are summed in chunks that stay in the second cache, in single precision, and the chunks'
// sums in double precision. Parts of some chunks are summed apart and then joined, so that a weight of few elements is
// work for many threads too; the order of the sums is a matter of the shapes alone.

#include <vector>

#include "lanes.h"
#include "pointwise.h"

namespace {

using kernels::Arguments;
using kernels::kLanes;
using kernels::Lanes;
using kernels::Shape;

// One tile: channels of the wider and of the narrower maps whose products stay in registers.
constexpr int kWide = kernels::kManyRegisters ? 6 : 4, kNarrow = kernels::kManyRegisters ? 4 : 3;
constexpr int64_t kBlock = 96;                   // channels of the wider maps that stay in the second cache
constexpr int64_t kCopied = kBlock + kWide - 1;  // rows of a copy, with those that fill up its last tile
constexpr int64_t kChunk = 784;                  // columns that stay there; an odd number of cache lines
constexpr int64_t kPart = 4 * kChunk;            // columns that one thread sums

// Adds up each register's lanes.
template <int count>
void add_lanes(const Lanes* lanes, float* totals) {
  float sums[count][kLanes];
  for (int i = 0; i < count; ++i) kernels::store(lanes[i], sums[i]);
  for (int half = kLanes / 2; half >= 4; half /= 2)
    for (int i = 0; i < count; ++i)
#pragma omp simd
      for (int lane = 0; lane < half; ++lane) sums[i][lane] += sums[i][lane + half];
  for (int i = 0; i < count; ++i) totals[i] = (sums[i][0] + sums[i][2]) + (sums[i][1] + sums[i][3]);
}

// Rows of floats, `pitch` apart.
struct Rows {
  const float* first;
  int64_t pitch;

  Rows from(int64_t row) const { return {first + row * pitch, pitch}; }
};

// totals[narrow][wide] = the products of kNarrow and kWide rows, summed over `length` columns. Not inlined: alone, it
// has a general register for every row.
__attribute__((noinline)) void multiply(Rows wide, Rows narrow, int64_t length, float (*totals)[kWide]) {
  Lanes products[kNarrow][kWide] = {};
  for (int64_t k = 0; k < length; k += kLanes) {
    Lanes read[kNarrow];
    for (int j = 0; j < kNarrow; ++j) read[j] = kernels::load(narrow.first + j * narrow.pitch + k);
    for (int i = 0; i < kWide; ++i) {
      const Lanes factor = kernels::in_register(kernels::load(wide.first + i * wide.pitch + k));
      for (int j = 0; j < kNarrow; ++j) products[j][i] += read[j] * factor;
    }
  }
  add_lanes<kNarrow * kWide>(products[0], totals[0]);
}

// Maps of which some columns of some channels are looked at.
struct Maps {
  const float* data;
  Shape shape;

  // At least `tile` channels and full registers of columns: where they are, if they are of one plane, or else a copy.
  Rows rows(int64_t channel, int64_t channels, int tile, int64_t first, int64_t count, float* copy) const {
    const int64_t place = first % shape.plane();
    if (channels % tile == 0 && count % kLanes == 0 && place + count <= shape.plane())
      return {data + (first / shape.plane() * shape.channels + channel) * shape.plane() + place, shape.plane()};
    const int64_t pitch = kernels::rounded_up(count, kLanes);
    kernels::gather(data, shape, channel, channels, first, count, copy, pitch);
    return {copy, pitch};
  }
};

// sums[narrow][wide] of some columns, for `channels` of the wider maps from `channel` on
void add_columns(const Maps& wide, const Maps& narrow, int64_t channel, int64_t channels, int64_t first, int64_t count,
                 float* copy, double* sums) {
  const Rows wide_rows = wide.rows(channel, channels, kWide, first, count, copy);
  for (int64_t j = 0; j < narrow.shape.channels; j += kNarrow) {
    const int64_t narrow_count = std::min<int64_t>(kNarrow, narrow.shape.channels - j);
    const Rows narrow_rows = narrow.rows(j, narrow_count, kNarrow, first, count, copy + kCopied * kChunk);
    for (int64_t i = 0; i < channels; i += kWide) {
      float totals[kNarrow][kWide];
      multiply(wide_rows.from(i), narrow_rows, kernels::rounded_up(count, kLanes), totals);
      for (int64_t row = 0; row < narrow_count; ++row)
        for (int64_t column = 0; column < std::min<int64_t>(kWide, channels - i); ++column)
          sums[(j + row) * wide.shape.channels + channel + i + column] += totals[row][column];
    }
  }
}

// dy, x, weight (for its shape) -> dweight
void weight_gradient(const Arguments& arguments) {
  arguments.expect(4);
  const Shape in = arguments.maps(1), out = {in.batch, arguments.maps(2).batch, in.height, in.width};
  arguments.expect_maps(0, out);
  for (int i : {2, 3}) arguments.expect_maps(i, {out.channels, in.channels, 1, 1});
  float* dweight = arguments.output(3);

  const bool more_outputs = out.channels > in.channels;
  Maps wide = {arguments.input(1), in}, narrow = {arguments.input(0), out};
  if (more_outputs) std::swap(wide, narrow);
  const int64_t columns = in.batch * in.plane(), parts = (columns + kPart - 1) / kPart;
  const int64_t blocks = (wide.shape.channels + kBlock - 1) / kBlock, size = out.channels * in.channels;
  std::vector<double> sums(parts * size);
  const kernels::Scratch scratch((kCopied + kNarrow) * kChunk);
  kernels::for_each(parts * blocks, kPart * kBlock, [&](int64_t task) {
    const int64_t part = task / blocks, channel = task % blocks * kBlock;
    const int64_t channels = std::min(kBlock, wide.shape.channels - channel);
    for (int64_t first = part * kPart; first < std::min((part + 1) * kPart, columns); first += kChunk)
      add_columns(wide, narrow, channel, channels, first, std::min(kChunk, columns - first), scratch.mine(),
                  &sums[part * size]);
  });
  kernels::for_each(size, parts, [&](int64_t i) {
    const int64_t o = i / in.channels, c = i % in.channels;
    const int64_t place = more_outputs ? c * out.channels + o : i;
    double sum = 0;
    for (int64_t part = 0; part < parts; ++part) sum += sums[part * size + place];
    dweight[i] = sum;
  });
}

}  // namespace

KERNEL(PointwiseWeightGradient, weight_gradient)
