#include "kernels/cpu/own/kernels.h"
#include "kernels/cpu/own/sums.h"

namespace trireme::cpu::TRIREME_LEVEL {

// The square of a float is finite in fp64, so only an x that is not finite can spoil the sum.
Status sums_of_squares(Stream*, int64_t n, const float* x, double* partials) noexcept {
  for (; n > 0; n -= kSumChunk, x += kSumChunk) {
    *partials++ = sum_terms<double>(n < kSumChunk ? n : kSumChunk, [x](int64_t i) {
      const double v = x[i];
      return v * v;
    });
  }
  return Status::ok;
}

}  // namespace trireme::cpu::TRIREME_LEVEL
