// Zeros around feature maps, as many above as below and as many to the left as to the right.

#include <algorithm>

#include "common.h"

namespace {

using kernels::Arguments;
using kernels::Shape;

// x (N, C, H, W) -> y (N, C, H + 2 rows, W + 2 columns)
void forward(const Arguments& arguments) {
  arguments.expect(2);
  const Shape in = arguments.maps(0), out = arguments.maps(1);
  const int64_t rows = (out.height - in.height) / 2, columns = (out.width - in.width) / 2;
  kernels::require(rows >= 0 && columns >= 0, kernels::kWrongShape);
  arguments.expect_maps(1, {in.batch, in.channels, in.height + 2 * rows, in.width + 2 * columns});
  const float* x = arguments.input(0);
  float* y = arguments.output(1);

  kernels::for_each(in.planes(), out.plane(), [&](int64_t plane) {
    const float* from = x + plane * in.plane();
    float* to = std::fill_n(y + plane * out.plane(), rows * out.width, 0.f);
    for (int64_t row = 0; row < in.height; ++row, from += in.width)
      to = std::fill_n(std::copy_n(from, in.width, std::fill_n(to, columns, 0.f)), columns, 0.f);
    std::fill_n(to, rows * out.width, 0.f);
  });
}

}  // namespace

KERNEL(ZeroPaddingForward, forward)
