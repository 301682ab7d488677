// The cross layer of a deep and cross network (Wang et al., arXiv:1708.05123).
#include "kernels/cpu/own/kernels.h"

namespace trireme::cpu::TRIREME_LEVEL {
namespace {

// w . x + b, from b on.
inline float factor_of(int64_t dim, const float* w, const float* x, float b) {
  for (int64_t e = 0; e < dim; ++e) b += w[e] * x[e];
  return b;
}

template <class Value>
inline void send(int64_t n, float* to, Write write, Value value) {
  if (write == Write::add)
    for (int64_t e = 0; e < n; ++e) to[e] += value(e);
  else
    for (int64_t e = 0; e < n; ++e) to[e] = value(e);
}

}  // namespace

Status cross_forward(Stream*, int64_t samples, int64_t dim, const float* x0, const float* x,
                     const float* weight, const float* bias, float* y) noexcept {
  for (int64_t s = 0; s < samples; ++s, x0 += dim, x += dim, y += dim) {
    const float factor = factor_of(dim, weight, x, *bias);
    for (int64_t e = 0; e < dim; ++e) y[e] = x0[e] * factor + x[e];
  }
  return Status::ok;
}

Status cross_backward(Stream*, int64_t samples, int64_t dim, const float* x0, const float* x,
                      const float* weight, const float* bias, const float* dy, float* dx0,
                      Write dx0_write, float* dx, Write dx_write, float* dweight,
                      Write dweight_write, float* dbias, Write dbias_write, float*,
                      void*) noexcept {
  if (dweight && dweight_write == Write::set) fill(nullptr, dim, 0.0f, dweight);
  if (dbias && dbias_write == Write::set) *dbias = 0;
  const float* const w = weight;
  for (int64_t s = 0; s < samples; ++s, x0 += dim, x += dim, dy += dim) {
    const float factor = factor_of(dim, w, x, *bias);
    float d = 0;
    for (int64_t e = 0; e < dim; ++e) d += dy[e] * x0[e];
    if (dx0) send(dim, dx0 + s * dim, dx0_write, [&](int64_t e) { return factor * dy[e]; });
    if (dx) send(dim, dx + s * dim, dx_write, [&](int64_t e) { return d * w[e] + dy[e]; });
    if (dweight) send(dim, dweight, Write::add, [&](int64_t e) { return d * x[e]; });
    if (dbias) *dbias += d;
  }
  return Status::ok;
}

}  // namespace trireme::cpu::TRIREME_LEVEL
