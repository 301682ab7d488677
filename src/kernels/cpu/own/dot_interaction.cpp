// How pairs of feature vectors agree (Naumov et al., arXiv:1906.00091).
#include "kernels/cpu/own/kernels.h"

namespace trireme::cpu::TRIREME_LEVEL {
namespace {

// Of one sample: z, where there is one, and then the rows of x.
template <class T>
struct Vectors {
  T* z;
  T* x;
  int64_t first_row, dim;  // first_row: 1 where there is a z
  T* operator[](int64_t i) const { return i < first_row ? z : x + (i - first_row) * dim; }
};

}  // namespace

Status dot_interaction_forward(Stream*, int64_t samples, int64_t rows, int64_t dim, const float* z,
                               const float* x, float* y) noexcept {
  const int64_t first_row = z ? 1 : 0, count = rows + first_row;
  for (int64_t s = 0; s < samples; ++s, x += rows * dim) {
    const Vectors<const float> v{z ? z + s * dim : nullptr, x, first_row, dim};
    const float* first = v[0];
    for (int64_t e = 0; e < dim; ++e) *y++ = first[e];
    for (int64_t i = 1; i < count; ++i)
      for (int64_t j = 0; j < i; ++j) {
        const float *a = v[i], *b = v[j];
        float dot = 0;
        for (int64_t e = 0; e < dim; ++e) dot += a[e] * b[e];
        *y++ = dot;
      }
  }
  return Status::ok;
}

// Pair after pair: dv_i += d(i,j) v_j, dv_j += d(i,j) v_i.
Status dot_interaction_backward(Stream*, int64_t samples, int64_t rows, int64_t dim, const float* z,
                                const float* x, const float* dy, float* dz, Write dz_write,
                                float* dx, Write dx_write) noexcept {
  if (dz && dz_write == Write::set) fill(nullptr, samples * dim, 0.0f, dz);
  if (dx && dx_write == Write::set) fill(nullptr, samples * rows * dim, 0.0f, dx);
  const int64_t first_row = z ? 1 : 0, count = rows + first_row;
  const auto add = [dim](float* to, float factor, const float* from) {
    for (int64_t e = 0; e < dim; ++e) to[e] += factor * from[e];
  };
  for (int64_t s = 0; s < samples; ++s) {
    const Vectors<const float> v{z ? z + s * dim : nullptr, x + s * rows * dim, first_row, dim};
    const Vectors<float> dv{dz ? dz + s * dim : nullptr, dx ? dx + s * rows * dim : nullptr,
                            first_row, dim};
    const auto wanted = [&](int64_t i) { return (i < first_row ? dz : dx) != nullptr; };
    if (wanted(0)) {
      float* const first = dv[0];
      for (int64_t e = 0; e < dim; ++e) first[e] += dy[e];
    }
    dy += dim;
    for (int64_t i = 1; i < count; ++i)
      for (int64_t j = 0; j < i; ++j, ++dy) {
        if (wanted(i)) add(dv[i], *dy, v[j]);
        if (wanted(j)) add(dv[j], *dy, v[i]);
      }
  }
  return Status::ok;
}

}  // namespace trireme::cpu::TRIREME_LEVEL
