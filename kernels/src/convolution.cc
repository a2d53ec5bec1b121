// Convolution 5x5 between few maps, stride 1, without padding: forward, and the gradients of its input and its weight.
//
// A plane is seen as one long row, as in depthwise.cc: output i = row * width + column reads input i + offset(tap), and
// what is computed between two rows is left out, or multiplied by zero. The gradient of the input is the same sum with
// the taps in reverse order, over an output's gradient that has zeros in all those places.

#include <algorithm>
#include <numeric>
#include <vector>

#include "common.h"
#include "lanes.h"

namespace {

using kernels::Arguments;
using kernels::kLanes;
using kernels::Lanes;
using kernels::load;
using kernels::load_once;
using kernels::rounded_up;
using kernels::Shape;

constexpr int kSide = 5, kTaps = kSide * kSide;
constexpr int kStep = 2 * kLanes;  // outputs of one map that are computed together
constexpr int kMost = 6;           // maps that are computed together: two registers each, of the sixteen that all have
// Maps whose weights get their gradients together: five registers each, of 16 or of 32.
constexpr int kTogether = kernels::kManyRegisters ? 4 : 2;
constexpr int64_t kNear = 8192;  // floats that stay in the first cache between two looks at them

struct Geometry {
  Shape in, out;
  int64_t count;  // outputs of a plane seen as one long row
  int64_t reach;  // offset of the last tap

  Geometry(const Shape& input, int64_t outputs) : in(input) {
    kernels::require(in.height >= kSide && in.width >= kSide, kernels::kWrongShape);
    out = {in.batch, outputs, in.height - kSide + 1, in.width - kSide + 1};
    count = (out.height - 1) * in.width + out.width;
    reach = (kSide - 1) * in.width + kSide - 1;
  }
};

// Lays weights out as they are read: for each map that is read and each tap, one weight for every map that is computed.
// weight_of(computed, read, tap)
template <class WeightOf>
void pack(int64_t computed, int64_t read, WeightOf weight_of, float* packed) {
  for (int64_t c = 0; c < read; ++c)
    for (int64_t tap = 0; tap < kTaps; ++tap)
      for (int64_t o = 0; o < computed; ++o) *packed++ = weight_of(o, c, tap);
}

// y[o][i] = start[o] + sum over c and taps of weight[o][c][tap] * x[c][i + offset(tap)], for `maps` maps from y on and
// `count` outputs of each; `stride` is the number of weights from one tap to the next. Reads and writes up to kStep
// floats more than asked.
template <int maps>
void correlate(const float* x, int64_t channels, int64_t plane, int64_t width, const float* weight, int64_t stride,
               const float* start, float* y, int64_t y_plane, int64_t count) {
  for (int64_t i = 0; i < count; i += kStep) {
    Lanes sum[maps][2];
    for (int o = 0; o < maps; ++o) sum[o][0] = sum[o][1] = Lanes{} + start[o];
    const float* w = weight;
    for (int64_t c = 0; c < channels; ++c) {
      for (int row = 0; row < kSide; ++row) {
        const float* from = x + c * plane + row * width + i;
        for (int column = 0; column < kSide; ++column, w += stride) {
          const Lanes low = load(from + column), high = load(from + column + kLanes);
          for (int o = 0; o < maps; ++o) {
            sum[o][0] += w[o] * low;
            sum[o][1] += w[o] * high;
          }
        }
      }
    }
    for (int o = 0; o < maps; ++o) {
      kernels::store(sum[o][0], y + o * y_plane + i);
      kernels::store(sum[o][1], y + o * y_plane + i + kLanes);
    }
  }
}

// The same for any number of maps, as many together as fit into registers.
void correlate_all(const float* x, int64_t channels, int64_t plane, int64_t width, const float* weight,
                   const float* start, float* y, int64_t maps, int64_t y_plane, int64_t count) {
  for (int64_t o = 0; o < maps;) {
    const int64_t left = maps - o;
    const auto take = [&](auto kernel, int64_t together) {
      kernel(x, channels, plane, width, weight + o, maps, start + o, y + o * y_plane, y_plane, count);
      o += together;
    };
    if (left >= kMost) take(correlate<kMost>, kMost);
    else if (left >= 4) take(correlate<4>, 4);
    else if (left >= 2) take(correlate<2>, 2);
    else take(correlate<1>, 1);
  }
}

// The output's gradient of one map in rows of the input's width; the floats between the rows are zero and stay so.
void spread(const Geometry& g, const float* dy, float* rows) {
  for (int64_t row = 0; row < g.out.height; ++row)
    std::copy_n(dy + row * g.out.width, g.out.width, rows + row * g.in.width);
}

// x (N, C, H, W), weight (O, C, 5, 5), bias (O,) -> y (N, O, H - 4, W - 4)
void forward(const Arguments& arguments) {
  arguments.expect(4);
  const Shape shape = arguments.maps(0);
  const Geometry g(shape, arguments.maps(1).batch);
  arguments.expect_maps(1, {g.out.channels, shape.channels, kSide, kSide});
  arguments.expect_vectors({2}, g.out.channels);
  arguments.expect_maps(3, g.out);
  const float *x = arguments.input(0), *weight = arguments.input(1), *bias = arguments.input(2);
  float* y = arguments.output(3);

  std::vector<float> packed(g.out.channels * shape.channels * kTaps);
  pack(g.out.channels, shape.channels,
       [&](int64_t o, int64_t c, int64_t tap) { return weight[(o * shape.channels + c) * kTaps + tap]; },
       packed.data());
  const int64_t picture_size = shape.channels * shape.plane(), long_rows = rounded_up(g.count, kStep);
  const kernels::Scratch scratch(picture_size + kStep + g.out.channels * long_rows);
  kernels::for_each(shape.batch, picture_size * kTaps, [&](int64_t picture) {
    float *in = scratch.mine(), *sums = in + picture_size + kStep;
    std::copy_n(x + picture * picture_size, picture_size, in);
    correlate_all(in, shape.channels, shape.plane(), shape.width, packed.data(), bias, sums, g.out.channels, long_rows,
                  g.count);
    float* out = y + picture * g.out.channels * g.out.plane();
    for (int64_t o = 0; o < g.out.channels; ++o)
      for (int64_t row = 0; row < g.out.height; ++row, out += g.out.width)
        std::copy_n(sums + o * long_rows + row * shape.width, g.out.width, out);
  });
}

// dy, weight, x (for its shape) -> dx
void input_gradient(const Arguments& arguments) {
  arguments.expect(4);
  const Shape shape = arguments.maps(2);
  const Geometry g(shape, arguments.maps(1).batch);
  arguments.expect_maps(0, g.out);
  arguments.expect_maps(1, {g.out.channels, shape.channels, kSide, kSide});
  arguments.expect_maps(3, shape);
  const float *dy = arguments.input(0), *weight = arguments.input(1);
  float* dx = arguments.output(3);

  std::vector<float> packed(g.out.channels * shape.channels * kTaps);
  pack(shape.channels, g.out.channels,
       [&](int64_t c, int64_t o, int64_t tap) { return weight[(o * shape.channels + c) * kTaps + kTaps - 1 - tap]; },
       packed.data());
  const std::vector<float> zeros(shape.channels);
  // One plane: zeros that the first taps read, the rows, and zeros for the last outputs.
  const int64_t spread_plane = 2 * g.reach + g.count, long_rows = rounded_up(shape.plane(), kStep);
  const kernels::Scratch scratch(g.out.channels * spread_plane + kStep + shape.channels * long_rows);
  kernels::for_each(shape.batch, g.out.channels * shape.plane() * kTaps, [&](int64_t picture) {
    float *rows = scratch.mine(), *sums = rows + g.out.channels * spread_plane + kStep;
    for (int64_t o = 0; o < g.out.channels; ++o)
      spread(g, dy + (picture * g.out.channels + o) * g.out.plane(), rows + o * spread_plane + g.reach);
    correlate_all(rows, g.out.channels, spread_plane, shape.width, packed.data(), zeros.data(), sums, shape.channels,
                  long_rows, shape.plane());
    for (int64_t c = 0; c < shape.channels; ++c)
      std::copy_n(sums + c * long_rows, shape.plane(), dx + (picture * shape.channels + c) * shape.plane());
  });
}

// Of each tap, the sum in each lane; in double precision, for long sums of float32 lose too much.
using Sums = double[kTaps][kLanes];

// Gradients of the weights between one map of x and kTogether maps of y, over some pictures, added to sums[map].
void add_products(const Geometry& g, const float* x, int64_t x_picture, const float* dy, int64_t dy_plane,
                  int64_t dy_picture, int64_t pictures, Sums* sums) {
  for (int row = 0; row < kSide; ++row) {
    Lanes products[kTogether][kSide] = {};
    for (int64_t picture = 0; picture < pictures; ++picture) {
      const float *in = x + picture * x_picture + row * g.in.width, *from = dy + picture * dy_picture;
      for (int64_t i = 0; i < g.count; i += kLanes) {
        Lanes gradient[kTogether];
        for (int o = 0; o < kTogether; ++o) gradient[o] = load(from + o * dy_plane + i);
        for (int column = 0; column < kSide; ++column) {
          const Lanes read = load_once(in + i + column);
          for (int o = 0; o < kTogether; ++o) products[o][column] += gradient[o] * read;
        }
      }
    }
    for (int o = 0; o < kTogether; ++o)
      for (int column = 0; column < kSide; ++column)
        for (int lane = 0; lane < kLanes; ++lane) sums[o][row * kSide + column][lane] += products[o][column][lane];
  }
}

// dy, x, weight (for its shape) -> dweight, dbias
void weight_gradient(const Arguments& arguments) {
  arguments.expect(5);
  const Shape shape = arguments.maps(1);
  const Geometry g(shape, arguments.maps(2).batch);
  arguments.expect_maps(0, g.out);
  for (int i : {2, 3}) arguments.expect_maps(i, {g.out.channels, shape.channels, kSide, kSide});
  arguments.expect_vectors({4}, g.out.channels);
  const float *dy = arguments.input(0), *x = arguments.input(1);
  float *dweight = arguments.output(3), *dbias = arguments.output(4);

  const int64_t blocks = rounded_up(g.out.channels, kTogether) / kTogether;
  const int64_t dy_plane = rounded_up(g.count, kLanes), dy_picture = kTogether * dy_plane;
  const int64_t x_picture = shape.channels * shape.plane(), last = shape.batch - 1;
  const int64_t at_once = std::max<int64_t>(1, kNear / dy_picture);
  std::vector<float> last_picture(x_picture + kLanes);  // what is read behind it is multiplied by zero
  std::copy_n(x + last * x_picture, x_picture, last_picture.data());
  const kernels::Scratch scratch(at_once * dy_picture);
  std::vector<double> sums_of_all(blocks * shape.channels * kTogether * kTaps * kLanes);
  Sums* sums = reinterpret_cast<Sums*>(sums_of_all.data());
  kernels::for_each(blocks, shape.batch * shape.channels * shape.plane() * kTaps, [&](int64_t block) {
    const int64_t first = block * kTogether, maps = std::min<int64_t>(kTogether, g.out.channels - first);
    float* rows = scratch.mine();
    std::fill_n(rows, at_once * dy_picture, 0.f);  // a block of fewer maps may follow on one of more
    Sums* own = sums + block * shape.channels * kTogether;
    for (int64_t picture = 0; picture <= last;) {
      const int64_t pictures = picture == last ? 1 : std::min(at_once, last - picture);
      for (int64_t i = 0; i < pictures; ++i)
        for (int64_t o = 0; o < maps; ++o)
          spread(g, dy + ((picture + i) * g.out.channels + first + o) * g.out.plane(),
                 rows + i * dy_picture + o * dy_plane);
      const float* in = picture == last ? last_picture.data() : x + picture * x_picture;
      for (int64_t c = 0; c < shape.channels; ++c)
        add_products(g, in + c * shape.plane(), x_picture, rows, dy_plane, dy_picture, pictures, own + c * kTogether);
      picture += pictures;
    }
    for (int64_t o = 0; o < maps; ++o)
      for (int64_t c = 0; c < shape.channels; ++c)
        for (int tap = 0; tap < kTaps; ++tap)
          dweight[((first + o) * shape.channels + c) * kTaps + tap] =
              std::accumulate(own[c * kTogether + o][tap], own[c * kTogether + o][tap] + kLanes, 0.);
  });
  kernels::for_each(g.out.channels, shape.batch * g.out.plane(), [&](int64_t o) {
    double total = 0;
    for (int64_t picture = 0; picture < shape.batch; ++picture) {
      const float* from = dy + (picture * g.out.channels + o) * g.out.plane();
      float sum = 0;
#pragma omp simd reduction(+ : sum)
      for (int64_t i = 0; i < g.out.plane(); ++i) sum += from[i];
      total += sum;
    }
    dbias[o] = total;
  });
}

}  // namespace

KERNEL(Convolution5x5Forward, forward)
KERNEL(Convolution5x5InputGradient, input_gradient)
KERNEL(Convolution5x5WeightGradient, weight_gradient)
