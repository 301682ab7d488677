// Operands may be the same buffer: ivdep says that no element depends on another's.
#include "kernels/cpu/own/kernels.h"

namespace trireme::cpu::TRIREME_LEVEL {

Status fill(Stream*, int64_t n, float value, float* y) noexcept {
  for (int64_t i = 0; i < n; ++i) y[i] = value;
  return Status::ok;
}

Status copy(Stream*, int64_t n, const float* x, float* y) noexcept {
  if (n > 0 && x != y) __builtin_memcpy(y, x, static_cast<size_t>(n) * sizeof(float));
  return Status::ok;
}

Status add(Stream*, int64_t n, const float* a, const float* b, float* y) noexcept {
#pragma GCC ivdep
  for (int64_t i = 0; i < n; ++i) y[i] = a[i] + b[i];
  return Status::ok;
}

Status accumulate(Stream*, int64_t n, const float* x, float* y) noexcept {
#pragma GCC ivdep
  for (int64_t i = 0; i < n; ++i) y[i] += x[i];
  return Status::ok;
}

Status scale(Stream*, int64_t n, float factor, float* x) noexcept {
  for (int64_t i = 0; i < n; ++i) x[i] *= factor;
  return Status::ok;
}

}  // namespace trireme::cpu::TRIREME_LEVEL
