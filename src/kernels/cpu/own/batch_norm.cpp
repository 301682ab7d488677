// Batch normalisation in steps, so that sums can meet across leaves between them. Sums convert
// every element to fp64: E[x^2] - E[x]^2 then keeps fp32 accuracy even when the mean is large.
#include "kernels/cpu/own/columns.h"
#include "kernels/cpu/own/kernels.h"
#include "kernels/cpu/own/math.h"

namespace trireme::cpu::TRIREME_LEVEL {
namespace {

// Rows whose values are added up before they meet the sums in fp64.
constexpr int64_t kRun = 8;

// Adds two values per element, pair(row offset, lane, &a, &b), into sums[c] and sums[C + c]: those
// of kRun rows in T, one after the other, then all in fp64.
template <class T, class Pair>
inline void add_strip(const Strip& s, int64_t channels, double* sums, Pair pair) {
  double first[kStrip], second[kStrip];
  for (int64_t j = 0; j < s.width; ++j) first[j] = second[j] = 0;
  int64_t r = 0, at = s.offset;
  for (; r + kRun <= s.rows; r += kRun, at += kRun * s.stride) {
#pragma GCC ivdep
    for (int64_t j = 0; j < s.width; ++j) {
      T a = 0, b = 0;
#pragma GCC unroll 8
      for (int64_t i = 0; i < kRun; ++i) pair(at + i * s.stride, j, &a, &b);
      first[j] += a;
      second[j] += b;
    }
  }
  for (; r < s.rows; ++r, at += s.stride) {
    for (int64_t j = 0; j < s.width; ++j) {
      T a = 0, b = 0;
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

// How a step backwards knows where relu let the gradient through.
enum class Gate { open, output, input };  // everywhere; where y > 0; where y would be

inline Gate gate_of(Activation act, const float* y) {
  if (act == Activation::none) return Gate::open;
  return y ? Gate::output : Gate::input;
}

struct Backward {
  const float* x;
  const float* y;
  const float* dy;
  const float* more;
  float* g;
};
struct ChannelLanes {
  float mean[kStrip], rstd[kStrip], scale[kStrip], beta[kStrip];
  ChannelLanes(const Strip& s, int64_t channels, const float* of_mean, const float* of_rstd,
               const float* gamma, const float* of_beta) {
    spread(s, channels, of_mean, mean);
    spread(s, channels, of_rstd, rstd);
    if (gamma) spread(s, channels, gamma, scale);
    if (gamma)
      for (int64_t j = 0; j < s.width; ++j) scale[j] *= rstd[j];
    if (of_beta) spread(s, channels, of_beta, beta);
  }
  // What normalise() makes of x before its relu.
  float normalised(float x, int64_t j) const { return muladd(x - mean[j], scale[j], beta[j]); }
};

template <Gate kGate, bool kMore, bool kKeep>
void add_gradients(const Strip& s, int64_t channels, const Backward& of, const ChannelLanes& c,
                   double* sums) {
  add_strip<float>(s, channels, sums, [of, &c](int64_t at, int64_t j, float* a, float* b) {
    const float x = of.x[at + j];
    float g = of.dy[at + j];
    if (kMore) g += of.more[at + j];
    if (kGate == Gate::output) g = of.y[at + j] > 0.0f ? g : 0.0f;
    if (kGate == Gate::input) g = c.normalised(x, j) > 0.0f ? g : 0.0f;
    if (kKeep) of.g[at + j] = g;
    *a += g;
    *b = muladd(g, (x - c.mean[j]) * c.rstd[j], *b);
  });
}

using AddGradients = void (*)(const Strip&, int64_t, const Backward&, const ChannelLanes&, double*);
template <Gate kGate>
AddGradients add_gradients_for(const Backward& of) {
  if (of.more) return of.g ? add_gradients<kGate, true, true> : add_gradients<kGate, true, false>;
  return of.g ? add_gradients<kGate, false, true> : add_gradients<kGate, false, false>;
}

// y = act((x - mean) scale + beta + addend), whether there is an addend being known at compile
// time.
template <bool kAddend, bool kRelu>
void normalise(const Strip& s, const float* x, const float* mean, const float* scale,
               const float* beta, const float* addend, float* y) {
  for (int64_t r = 0, at = s.offset; r < s.rows; ++r, at += s.stride) {
#pragma GCC ivdep
    for (int64_t j = 0; j < s.width; ++j) {
      float v = muladd(x[at + j] - mean[j], scale[j], beta[j]);
      if (kAddend) v += addend[at + j];
      y[at + j] = kRelu && v < 0.0f ? 0.0f : v;
    }
  }
}

// One step backwards: what dx and the addend's gradient are computed from, and where they go.
struct Passed {
  const float* x;
  const float* y;
  const float* dy;
  float* dx;
  float* daddend;
  bool add_dx, add_addend;
};

// dx (+)= scale g + slope (x - mean) + constant, daddend (+)= g; either may be null. From the last
// row to the first, with which the convolution before it will begin.
template <Gate kGate>
void pass_back(const Strip& s, const Passed& of, const ChannelLanes& c, const float* constant,
               const float* slope) {
  const float *const mean = c.mean, *const scale = c.scale;
  const auto passed = [&](int64_t at, int64_t j) {
    // dy is read whether it passes or not: loads that depend on a test are not vectorised.
    const float g = of.dy[at + j];
    if (kGate == Gate::output) return of.y[at + j] > 0.0f ? g : 0.0f;
    if (kGate == Gate::input) return c.normalised(of.x[at + j], j) > 0.0f ? g : 0.0f;
    return g;
  };
  const auto change = [&](int64_t at, int64_t j) {
    const float inner = muladd(scale[j], passed(at, j), constant[j]);
    return muladd(slope[j], of.x[at + j] - mean[j], inner);
  };
  for (int64_t row = s.rows - 1; row >= 0; --row) {
    const int64_t at = s.offset + row * s.stride;
    if (of.daddend) {
      if (of.add_addend) {
#pragma GCC ivdep
        for (int64_t j = 0; j < s.width; ++j) of.daddend[at + j] += passed(at, j);
      } else {
#pragma GCC ivdep
        for (int64_t j = 0; j < s.width; ++j) of.daddend[at + j] = passed(at, j);
      }
    }
    if (!of.dx) continue;
    if (of.add_dx) {
#pragma GCC ivdep
      for (int64_t j = 0; j < s.width; ++j) of.dx[at + j] += change(at, j);
    } else {
#pragma GCC ivdep
      for (int64_t j = 0; j < s.width; ++j) of.dx[at + j] = change(at, j);
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
    add_strip<double>(s, channels, sums, [x](int64_t at, int64_t j, double* a, double* b) {
      const double v = x[at + j];
      *a += v;
      *b += v * v;
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
                                const float* y, const float* dy, const float* more,
                                const float* mean, const float* rstd, const float* gamma,
                                const float* beta, Activation act, float* g, double* sums, void*,
                                const BatchNormGradients* gradients) noexcept {
  if (!supported(act)) return Status::unsupported;
  clear(2 * channels, sums);
  const Backward of{x, y, dy, more, g};
  const Gate gate = gate_of(act, y);
  const AddGradients run = gate == Gate::open     ? add_gradients_for<Gate::open>(of)
                           : gate == Gate::output ? add_gradients_for<Gate::output>(of)
                                                  : add_gradients_for<Gate::input>(of);
  const bool input = gate == Gate::input;
  for_strips(rows, channels, [&](const Strip& s) {
    const ChannelLanes lanes(s, channels, mean, rstd, input ? gamma : nullptr,
                             input ? beta : nullptr);
    run(s, channels, of, lanes, sums);
  });
  return gradients ? keep(stream, channels, sums, *gradients) : Status::ok;
}

Status batch_norm_backward(Stream*, int64_t rows, int64_t channels, const float* x, const float* y,
                           const float* dy, const float* mean, const float* rstd,
                           const float* gamma, const float* beta, const float* mean_g,
                           const float* mean_gx, Activation act, float* dx, Write dx_write,
                           float* daddend, Write daddend_write) noexcept {
  if (!supported(act)) return Status::unsupported;
  const Gate gate = gate_of(act, y);
  const Passed of{x, y, dy, dx, daddend, dx_write == Write::add, daddend_write == Write::add};
  const auto run = gate == Gate::open     ? pass_back<Gate::open>
                   : gate == Gate::output ? pass_back<Gate::output>
                                          : pass_back<Gate::input>;
  for_strips(rows, channels, [&](const Strip& s) {
    const ChannelLanes c(s, channels, mean, rstd, gamma, gate == Gate::input ? beta : nullptr);
    float constant[kStrip], slope[kStrip];
    spread(s, channels, mean_g, constant);
    spread(s, channels, mean_gx, slope);
    for (int64_t j = 0; j < s.width; ++j) {
      constant[j] *= -c.scale[j];
      slope[j] *= -c.scale[j] * c.rstd[j];
    }
    run(s, of, c, constant, slope);
  });
  return Status::ok;
}

}  // namespace trireme::cpu::TRIREME_LEVEL
