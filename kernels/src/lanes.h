// One vector register of floats; gcc and clang know + and * of it, for every processor.
#pragma once

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
inline void store(Lanes lanes, float* to) { *reinterpret_cast<Lanes*>(to) = lanes; }

}  // namespace kernels
