// The second-order term of a factorisation machine (Rendle, ICDM 2010).
#include "kernels/cpu/own/kernels.h"

namespace trireme::cpu::TRIREME_LEVEL {

Status factorization_machine_forward(Stream*, int64_t samples, int64_t rows, int64_t dim,
                                     bool reduce, const float* x, float* y) noexcept {
  for (int64_t s = 0; s < samples; ++s, x += rows * dim, y += reduce ? 1 : dim) {
    float total = 0;
    for (int64_t e = 0; e < dim; ++e) {
      float sum = 0, squares = 0;
      for (int64_t i = 0; i < rows; ++i) {
        const float v = x[i * dim + e];
        sum += v;
        squares += v * v;
      }
      const float pairs = 0.5f * (sum * sum - squares);
      if (reduce)
        total += pairs;
      else
        y[e] = pairs;
    }
    if (reduce) *y = total;
  }
  return Status::ok;
}

Status factorization_machine_backward(Stream*, int64_t samples, int64_t rows, int64_t dim,
                                      bool reduce, const float* x, const float* dy, float* dx,
                                      Write write) noexcept {
  for (int64_t s = 0; s < samples; ++s, x += rows * dim, dx += rows * dim, dy += reduce ? 1 : dim) {
    for (int64_t e = 0; e < dim; ++e) {
      float sum = 0;
      for (int64_t i = 0; i < rows; ++i) sum += x[i * dim + e];
      for (int64_t i = 0; i < rows; ++i) {
        const float g = dy[reduce ? 0 : e] * (sum - x[i * dim + e]);
        float& to = dx[i * dim + e];
        to = write == Write::set ? g : to + g;
      }
    }
  }
  return Status::ok;
}

}  // namespace trireme::cpu::TRIREME_LEVEL
