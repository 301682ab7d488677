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

}  // namespace trireme::cpu::TRIREME_LEVEL
