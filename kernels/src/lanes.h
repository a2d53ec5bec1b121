// One vector register of floats; gcc and clang know + and * of it, for every processor.
#pragma once

#include <cstdint>

namespace kernels {

#if defined(__AVX512F__)
constexpr int kBytes = 64;
#elif defined(__AVX__)
constexpr int kBytes = 32;
#else
constexpr int kBytes = 16;
#endif

// Read from and written to any address.
typedef float Lanes __attribute__((vector_size(kBytes), aligned(4), may_alias));
constexpr int kLanes = kBytes / sizeof(float);

// Whether there are 32 registers, and not 16.
#if defined(__AVX512F__) || defined(__ARM_NEON)
constexpr bool kManyRegisters = true;
#else
constexpr bool kManyRegisters = false;
#endif

inline Lanes load(const float* from) { return *reinterpret_cast<const Lanes*>(from); }

// gcc reads memory again for each use of what it has read. From an address that crosses a cache line that is slow.
inline Lanes load_once(const float* from) {
  Lanes lanes = load(from);
#if defined(__AVX512F__)
  asm("" : "+v"(lanes));  // no instruction, but what is in the register may be another value now
#elif defined(__x86_64__)
  asm("" : "+x"(lanes));
#elif defined(__aarch64__)
  asm("" : "+w"(lanes));
#endif
  return lanes;
}

inline void store(Lanes lanes, float* to) { *reinterpret_cast<Lanes*>(to) = lanes; }

// For code that takes a register or, where a row ends, a single float: the first argument's type says which. (As an
// argument of a template, Lanes would lose its attributes, and with them the right to any address.)
inline Lanes load_as(Lanes, const float* from) { return load(from); }
inline float load_as(float, const float* from) { return *from; }
inline void store(float value, float* to) { *to = value; }

// Keeps the compiler from reading the same floats again for each product: processors read two registers at a time.
inline Lanes in_register(Lanes lanes) {
#if defined(__AVX512F__)
  asm("" : "+v"(lanes));
#elif defined(__x86_64__)
  asm("" : "+x"(lanes));
#elif defined(__aarch64__)
  asm("" : "+w"(lanes));
#endif
  return lanes;
}

// Calls body(i, kind) for every place i of a row at which a full register begins, and then for every place that is
// left; the type of `kind`, Lanes or float, says which.
template <class Body>
inline void for_each_lanes(int64_t count, Body body) {
  int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) body(i, Lanes{});
  for (; i < count; ++i) body(i, float{});
}

// The sum of a register's lanes.
inline float sum_of(Lanes lanes) {
  float sums[kLanes];
  store(lanes, sums);
  for (int half = kLanes / 2; half > 0; half /= 2)
    for (int lane = 0; lane < half; ++lane) sums[lane] += sums[lane + half];
  return sums[0];
}

// The sum of one row, in single precision.
struct RowSum {
  Lanes lanes = {};
  float rest = 0;

  void add(Lanes values) { lanes += values; }
  void add(float value) { rest += value; }
};

// The sum of many rows: in single precision for some thousand floats, and of those sums in double precision.
class Sum {
 public:
  void add(const RowSum& row, int64_t count) {
    row_.add(row.lanes);
    row_.add(row.rest);
    pending_ += count;
    if (pending_ >= kAtOnce) settle();
  }
  double total() {
    settle();
    return total_;
  }

 private:
  static constexpr int64_t kAtOnce = 4096;
  void settle() {
    total_ += double(sum_of(row_.lanes)) + row_.rest;
    row_ = {};
    pending_ = 0;
  }
  RowSum row_;
  int64_t pending_ = 0;
  double total_ = 0;
};

}  // namespace kernels
