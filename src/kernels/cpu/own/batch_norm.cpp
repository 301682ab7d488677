// Batch normalisation in steps, so that sums can meet across leaves between them. Sums convert
// every element to fp64: E[x^2] - E[x]^2 then keeps fp32 accuracy even when the mean is large.
#include "kernels/cpu/own/columns.h"
#include "kernels/cpu/own/kernels.h"

namespace trireme::cpu::TRIREME_LEVEL {
namespace {

// Adds two fp64 values per element, pair(row offset, lane, &a, &b), into sums[c] and sums[C + c].
template <class Pair>
inline void add_strip(const Strip& s, int64_t channels, double* sums, Pair pair) {
  double first[kStrip], second[kStrip];
  for (int64_t j = 0; j < s.width; ++j) first[j] = second[j] = 0;
  int64_t r = 0, at = s.offset;
  for (; r + 2 <= s.rows; r += 2, at += 2 * s.stride) {
    for (int64_t j = 0; j < s.width; ++j) {
      double a0, b0, a1, b1;
      pair(at, j, &a0, &b0);
      pair(at + s.stride, j, &a1, &b1);
      first[j] += a0 + a1;
      second[j] += b0 + b1;
    }
  }
  for (; r < s.rows; ++r, at += s.stride) {
    for (int64_t j = 0; j < s.width; ++j) {
      double a, b;
      pair(at, j, &a, &b);
      first[j] += a;
      second[j] += b;
    }
  }
  gather(s, channels, first, sums);
  gather(s, channels, second, sums + channels);
}

inline void clear(int64_t n, double* sums) {
  for (int64_t i = 0; i < n; ++i) sums[i] = 0;
}

// y = act((x - mean) scale + beta + addend), whether there is an addend being known at compile
// time.
template <bool kAddend, bool kRelu>
void normalise(const Strip& s, const float* x, const float* mean, const float* scale,
               const float* beta, const float* addend, float* y) {
  for (int64_t r = 0, at = s.offset; r < s.rows; ++r, at += s.stride) {
#pragma GCC ivdep
    for (int64_t j = 0; j < s.width; ++j) {
      float v = (x[at + j] - mean[j]) * scale[j] + beta[j];
      if (kAddend) v += addend[at + j];
      y[at + j] = kRelu && v < 0.0f ? 0.0f : v;
    }
  }
}

inline void put(float* to, double value, Write write) {
  *to = static_cast<float>(value) + (write == Write::add ? *to : 0.0f);
}

Status keep(Stream* s, int64_t channels, const double* sums, const BatchNormGradients& to) {
  for (int64_t c = 0; c < channels; ++c) {
    if (to.dbeta) put(to.dbeta + c, sums[c], to.dbeta_write);
    if (to.dgamma) put(to.dgamma + c, sums[channels + c], to.dgamma_write);
  }
  return to.mean_g ? batch_norm_means(s, channels, to.count, sums, to.mean_g, to.mean_gx)
                   : Status::ok;
}

inline bool supported(Activation act) { return act == Activation::none || act == Activation::relu; }

}  // namespace

Status batch_norm_sums(Stream* stream, int64_t rows, int64_t channels, const float* x, double* sums,
                       void*, const BatchNormStatistics* statistics) noexcept {
  clear(2 * channels, sums);
  for_strips(rows, channels, [&](const Strip& s) {
    add_strip(s, channels, sums, [x](int64_t at, int64_t j, double* a, double* b) {
      const double v = x[at + j];
      *a = v;
      *b = v * v;
    });
  });
  if (!statistics) return Status::ok;
  return batch_norm_statistics(stream, channels, statistics->count, statistics->epsilon, sums,
                               statistics->mean, statistics->rstd);
}

Status batch_norm_forward(Stream*, int64_t rows, int64_t channels, const float* x,
                          const float* mean, const float* rstd, const float* gamma,
                          const float* beta, const float* addend, Activation act,
                          float* y) noexcept {
  if (!supported(act)) return Status::unsupported;
  const bool relu = act == Activation::relu;
  const auto run = addend ? (relu ? normalise<true, true> : normalise<true, false>)
                          : (relu ? normalise<false, true> : normalise<false, false>);
  for_strips(rows, channels, [&](const Strip& s) {
    float m[kStrip], scale[kStrip], r[kStrip], b[kStrip];
    spread(s, channels, mean, m);
    spread(s, channels, gamma, scale);
    spread(s, channels, rstd, r);
    spread(s, channels, beta, b);
    for (int64_t j = 0; j < s.width; ++j) scale[j] *= r[j];
    run(s, x, m, scale, b, addend, y);
  });
  return Status::ok;
}

Status batch_norm_backward_sums(Stream* stream, int64_t rows, int64_t channels, const float* x,
                                const float* y, const float* dy, const float* mean,
                                const float* rstd, Activation act, double* sums, void*,
                                const BatchNormGradients* gradients) noexcept {
  if (!supported(act)) return Status::unsupported;
  clear(2 * channels, sums);
  const float* gate = act == Activation::relu ? y : nullptr;
  for_strips(rows, channels, [&](const Strip& s) {
    float m[kStrip], r[kStrip];
    spread(s, channels, mean, m);
    spread(s, channels, rstd, r);
    if (gate) {
      add_strip(s, channels, sums, [&](int64_t at, int64_t j, double* a, double* b) {
        const float g = gate[at + j] > 0.0f ? dy[at + j] : 0.0f;
        *a = g;
        *b = static_cast<double>(g) * static_cast<double>((x[at + j] - m[j]) * r[j]);
      });
    } else {
      add_strip(s, channels, sums, [&](int64_t at, int64_t j, double* a, double* b) {
        const float g = dy[at + j];
        *a = g;
        *b = static_cast<double>(g) * static_cast<double>((x[at + j] - m[j]) * r[j]);
      });
    }
  });
  return gradients ? keep(stream, channels, sums, *gradients) : Status::ok;
}

Status batch_norm_backward(Stream*, int64_t rows, int64_t channels, const float* x, const float* y,
                           const float* dy, const float* mean, const float* rstd,
                           const float* gamma, const float* mean_g, const float* mean_gx,
                           Activation act, float* dx, Write dx_write, float* daddend,
                           Write daddend_write) noexcept {
  if (!supported(act)) return Status::unsupported;
  const bool relu = act == Activation::relu;
  const bool add = dx_write == Write::add, addend_add = daddend_write == Write::add;
  for_strips(rows, channels, [&](const Strip& s) {
    float m[kStrip], rs[kStrip], scale[kStrip], mg[kStrip], mgx[kStrip], g[kStrip];
    spread(s, channels, mean, m);
    spread(s, channels, rstd, rs);
    spread(s, channels, gamma, scale);
    spread(s, channels, mean_g, mg);
    spread(s, channels, mean_gx, mgx);
    for (int64_t j = 0; j < s.width; ++j) scale[j] *= rs[j];
    for (int64_t row = 0, at = s.offset; row < s.rows; ++row, at += s.stride) {
      copy(nullptr, s.width, dy + at, g);
      if (relu) {
        for (int64_t j = 0; j < s.width; ++j) g[j] = y[at + j] > 0.0f ? g[j] : 0.0f;
      }
      if (dx) {
#pragma GCC ivdep
        for (int64_t j = 0; j < s.width; ++j) {
          const float xhat = (x[at + j] - m[j]) * rs[j];
          const float v = scale[j] * (g[j] - mg[j] - xhat * mgx[j]);
          dx[at + j] = add ? dx[at + j] + v : v;
        }
      }
      if (!daddend) continue;
      if (addend_add) {
        accumulate(nullptr, s.width, g, daddend + at);
      } else {
        copy(nullptr, s.width, g, daddend + at);
      }
    }
  });
  return Status::ok;
}

}  // namespace trireme::cpu::TRIREME_LEVEL
