// One vector register of floats; gcc and clang know + and * of it, for every processor.
#pragma once

#include <cstdint>

#if defined(__AVX512F__)
#include <immintrin.h>
#endif

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

// Writes past the caches, to an address that is a multiple of a register: a cache line that is written as a whole need
// not be read before. `finish_streams` has to follow before another thread reads it.
inline void stream(Lanes lanes, float* to) {
#if defined(__AVX512F__)
  _mm512_stream_ps(to, (__m512)lanes);
#else
  store(lanes, to);
#endif
}
inline void finish_streams() {
#if defined(__AVX512F__)
  _mm_sfence();
#endif
}

// For code that takes a register or, where a row ends, a single float: the first argument's type says which. (As an
// argument of a template, Lanes would lose its attributes, and with them the right to any address.)
inline Lanes load_as(Lanes, const float* from) { return load(from); }
inline float load_as(float, const float* from) { return *from; }
inline void store(float value, float* to) { *to = value; }
inline void stream(float value, float* to) { *to = value; }

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

#if defined(__AVX512F__)
inline __mmask16 first_lanes(int64_t count) { return count < kLanes ? (1u << (count > 0 ? count : 0)) - 1 : 0xffffu; }
#endif

// The first `count` lanes of a register, and zeros behind them; all for a count beyond, none for one below zero.
inline Lanes keep_first(Lanes lanes, int64_t count) {
#if defined(__AVX512F__)
  return (Lanes)_mm512_maskz_mov_ps(first_lanes(count), (__m512)lanes);
#else
  for (int i = 0; i < kLanes; ++i) lanes[i] = i < count ? lanes[i] : 0;
  return lanes;
#endif
}

// Reads no more than `count` floats; zeros behind them.
inline Lanes load_first(const float* from, int64_t count) {
  if (count >= kLanes) return load(from);
#if defined(__AVX512F__)
  return (Lanes)_mm512_maskz_loadu_ps(first_lanes(count), from);
#else
  Lanes lanes = {};
  for (int64_t i = 0; i < count; ++i) lanes[i] = from[i];
  return lanes;
#endif
}

// Writes no more than `count` floats.
inline void store_first(Lanes lanes, float* to, int64_t count) {
  if (count >= kLanes) return store(lanes, to);
#if defined(__AVX512F__)
  _mm512_mask_storeu_ps(to, first_lanes(count), (__m512)lanes);
#else
  for (int64_t i = 0; i < count; ++i) to[i] = lanes[i];
#endif
}

// Of the floats in two registers, those at even places and those at odd ones.
struct Pair {
  Lanes first, second;
};
inline Pair take_apart(Lanes low, Lanes high) {
#if defined(__AVX512F__)
  const __m512i even = _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
  const __m512i odd = _mm512_add_epi32(even, _mm512_set1_epi32(1));
  return {(Lanes)_mm512_permutex2var_ps((__m512)low, even, (__m512)high),
          (Lanes)_mm512_permutex2var_ps((__m512)low, odd, (__m512)high)};
#else
  Pair pair;
  for (int i = 0; i < kLanes; ++i) {
    pair.first[i] = 2 * i < kLanes ? low[2 * i] : high[2 * i - kLanes];
    pair.second[i] = 2 * i < kLanes ? low[2 * i + 1] : high[2 * i + 1 - kLanes];
  }
  return pair;
#endif
}
// The reverse.
inline Pair join(Lanes even, Lanes odd) {
#if defined(__AVX512F__)
  const __m512i low = _mm512_setr_epi32(0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
  const __m512i high = _mm512_add_epi32(low, _mm512_set1_epi32(8));
  return {(Lanes)_mm512_permutex2var_ps((__m512)even, low, (__m512)odd),
          (Lanes)_mm512_permutex2var_ps((__m512)even, high, (__m512)odd)};
#else
  Pair pair;
  for (int i = 0; i < kLanes; ++i) {
    pair.first[i] = i % 2 ? odd[i / 2] : even[i / 2];
    pair.second[i] = i % 2 ? odd[(kLanes + i) / 2] : even[(kLanes + i) / 2];
  }
  return pair;
#endif
}

// Calls body(i, kind) for every place i of a row at which a full register begins, and then for every place that is
// left; the type of `kind`, Lanes or float, says which.
template <class Body>
inline void for_each_lanes(int64_t count, Body body) {
  int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) body(i, Lanes{});
  for (; i < count; ++i) body(i, float{});
}

// to[i] = value(i, kind) for a whole row, past the caches where it `streams`.
template <class Value>
inline void write_row(int64_t count, float* to, bool streams, Value value) {
  if (streams) for_each_lanes(count, [=](int64_t i, auto kind) { stream(value(i, kind), to + i); });
  else for_each_lanes(count, [=](int64_t i, auto kind) { store(value(i, kind), to + i); });
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
