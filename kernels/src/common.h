// What every kernel shares: MindSpore's calling convention, checks of what it hands over, and the loop over threads.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <functional>
#include <initializer_list>
#include <memory>
#include <new>
#include <numeric>
#include <utility>

#ifdef _OPENMP
#include <omp.h>
#endif

#include "lanes.h"

namespace kernels {

// What a kernel returns; kernels/operators.py says them in words.
enum Status : int { kDone = 0, kWrongCount = 1, kWrongType = 2, kWrongShape = 3, kNoMemory = 4, kWrongLabel = 5 };

// The shape of feature maps; a plane is one channel of one picture.
struct Shape {
  static constexpr int64_t kSmallPlane = 2048;
  int64_t batch, channels, height, width;

  int64_t plane() const { return height * width; }
  int64_t planes() const { return batch * channels; }
  int64_t start(int64_t picture, int64_t channel) const { return (picture * channels + channel) * plane(); }
  // How far ahead of a float the one is that should be asked for now, where pictures are looked at one by one for each
  // channel: processors foresee the next lines of memory, but not a small plane of the next picture.
  int64_t ahead(int64_t picture, int64_t channel) const {
    if (plane() > kSmallPlane) return kSmallPlane / 4;
    const int64_t here = start(picture, channel);
    if (picture + 1 < batch) return start(picture + 1, channel) - here;
    return start(0, channel + 1 < channels ? channel + 1 : channel) - here;
  }
  // Whether these maps are written past the caches: they are more than stays there, and planes are whole cache lines.
  bool streams(const float* maps) const {
    constexpr int64_t kMany = 1 << 20, kLine = 64;
    return planes() * plane() >= kMany && plane() * sizeof(float) % kLine == 0 &&
           reinterpret_cast<uintptr_t>(maps) % kLine == 0;
  }
  bool operator==(const Shape& other) const {
    return batch == other.batch && channels == other.channels && height == other.height && width == other.width;
  }
};

constexpr int64_t rounded_up(int64_t count, int64_t unit) { return (count + unit - 1) / unit * unit; }

inline void require(bool condition, Status otherwise) {
  if (!condition) throw otherwise;
}

// The tensors of one call: inputs first, then outputs; all are float32, but for labels.
class Arguments {
 public:
  Arguments(int count, void** data, int* ranks, int64_t** shapes, const char** types)
      : count_(count), data_(data), ranks_(ranks), shapes_(shapes), types_(types) {}

  // `labels`: the tensor that is int32, if there is one.
  void expect(int count, int labels = -1) const {
    require(count_ == count, kWrongCount);
    for (int i = 0; i < count; ++i)
      require(std::strcmp(types_[i], i == labels ? "int32" : "float32") == 0, kWrongType);
  }
  int count() const { return count_; }
  // Feature maps (batch, channels, height, width), none of them empty.
  Shape maps(int i) const {
    require(ranks_[i] == 4, kWrongShape);
    const int64_t* s = shapes_[i];
    require(s[0] > 0 && s[1] > 0 && s[2] > 0 && s[3] > 0, kWrongShape);
    return {s[0], s[1], s[2], s[3]};
  }
  void expect_maps(int i, const Shape& shape) const { require(maps(i) == shape, kWrongShape); }
  void expect_vectors(std::initializer_list<int> indices, int64_t length) const {
    for (int i : indices) require(ranks_[i] == 1 && shapes_[i][0] == length, kWrongShape);
  }
  void expect_scalars(std::initializer_list<int> indices) const {
    for (int i : indices) require(ranks_[i] == 0, kWrongShape);
  }
  bool same_shape(int i, int j) const {
    return ranks_[i] == ranks_[j] && std::equal(shapes_[i], shapes_[i] + ranks_[i], shapes_[j]);
  }
  // Rows and columns of a matrix.
  std::pair<int64_t, int64_t> matrix(int i) const {
    require(ranks_[i] == 2 && shapes_[i][0] > 0 && shapes_[i][1] > 0, kWrongShape);
    return {shapes_[i][0], shapes_[i][1]};
  }
  int64_t size(int i) const {
    return std::accumulate(shapes_[i], shapes_[i] + ranks_[i], int64_t{1}, std::multiplies<int64_t>());
  }
  const float* input(int i) const { return static_cast<const float*>(data_[i]); }
  const int32_t* labels(int i) const { return static_cast<const int32_t*>(data_[i]); }
  float* output(int i) const { return static_cast<float*>(data_[i]); }

 private:
  int count_;
  void** data_;
  int* ranks_;
  int64_t** shapes_;
  const char** types_;
};

template <class Body>
int guarded(Body body) noexcept {
  try {
    body();
    return kDone;
  } catch (Status status) {
    return status;
  } catch (const std::bad_alloc&) {
    return kNoMemory;
  }
}

inline int thread_count() {
#ifdef _OPENMP
  return omp_get_max_threads();
#else
  return 1;
#endif
}

inline int thread_index() {
#ifdef _OPENMP
  return omp_get_thread_num();
#else
  return 0;
#endif
}

// Below this many floats, waking other threads takes longer than the work.
constexpr int64_t kWorthSharing = 1 << 15;

// Calls body(i) for every i below count. What one i writes no other reads, so any number of threads gives the same.
template <class Body>
void for_each(int64_t count, int64_t floats_each, Body body) {
#pragma omp parallel if (count * floats_each > kWorthSharing)
  {
#pragma omp for schedule(static) nowait
    for (int64_t i = 0; i < count; ++i) body(i);
    finish_streams();
  }
}

// Working memory for each thread, zeros at first; made before the threads start, where running out of memory would end
// the process.
class Scratch {
 public:
  explicit Scratch(int64_t floats)
      : size_(rounded_up(floats, kLine / sizeof(float))),
        memory_(new (std::align_val_t(kLine)) float[size_ * thread_count()]()) {}
  float* mine() const { return memory_.get() + size_ * thread_index(); }

 private:
  static constexpr int64_t kLine = 64;  // bytes of a cache line, and of the widest register
  struct Delete {
    void operator()(float* memory) const { operator delete[](memory, std::align_val_t(kLine)); }
  };
  int64_t size_;
  std::unique_ptr<float[], Delete> memory_;
};

}  // namespace kernels

// Makes `body`, which takes Arguments, callable by MindSpore (mindspore.ops.Custom, func_type "aot").
#define KERNEL(name, ...)                                                                                  \
  extern "C" int name(int count, void** data, int* ranks, int64_t** shapes, const char** types, void*, void*) { \
    return kernels::guarded([&] { __VA_ARGS__(kernels::Arguments(count, data, ranks, shapes, types)); });  \
  }
