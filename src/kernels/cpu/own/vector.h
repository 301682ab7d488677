#pragma once
// Eight lanes, for the kernels whose loops the compiler does not vectorise by itself.

#include <cstdint>

namespace trireme::cpu::TRIREME_LEVEL {

constexpr int64_t kVector = 8;
typedef float Float8 __attribute__((vector_size(32)));
typedef int32_t Int8 __attribute__((vector_size(32)));
typedef uint8_t Byte8 __attribute__((vector_size(8)));

// GCC 12 with -fsanitize=undefined follows a null pointer that its own check would have reported.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Warray-bounds"
template <class Vector, class T>
static inline Vector load(const T* p) {
  Vector v;
  __builtin_memcpy(&v, p, sizeof v);
  return v;
}

template <class Vector, class T>
static inline void store(T* p, const Vector& v) {
  __builtin_memcpy(p, &v, sizeof v);
}
#pragma GCC diagnostic pop

// Asks for the cache lines of n floats in order to write them. Where other cores have read them,
// the stores would wait for one line after the other to be taken back.
static inline void take_lines(const float* p, int64_t n) {
  constexpr int64_t kLine = 16;
  for (int64_t i = 0; i < n; i += kLine) __builtin_prefetch(p + i, 1);
}

}  // namespace trireme::cpu::TRIREME_LEVEL
