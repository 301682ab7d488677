#include "kernels/cpu/own/kernels.h"
#include "kernels/cpu/own/sums.h"

namespace trireme::cpu::TRIREME_LEVEL {

// The square of a float is finite in fp64, so only an x that is not finite can spoil the sum.
double sum_of_squares(Stream*, int64_t n, const float* x) noexcept {
  return sum_terms<double>(n, [x](int64_t i) {
    const double v = x[i];
    return v * v;
  });
}

}  // namespace trireme::cpu::TRIREME_LEVEL
