// Batch normalisation backwards: the sums, which may meet other leaves' before the second step, and
// that step. Two passes over x and the gradient; where there was an addend, the first leaves the
// gated gradient behind, which is the addend's, and the second reads that alone.
#include "kernels/cuda/own/channel_statistics.h"
#include "kernels/cuda/own/columns.h"
#include "kernels/cuda/own/fill.h"
#include "kernels/cuda/own/normalised.h"

namespace trireme::cu {
namespace {

// From the sums of g and g (x - mean): a channel's rstd comes last, once.
struct GradientStore {
  int64_t channels;
  const float* rstd;
  double* sums;
  BatchNormGradients to;
  __device__ void put(int64_t c, const double (&of)[2]) const {
    const double sum_g = of[0], sum_gx = of[1] * static_cast<double>(rstd[c]);
    sums[c] = sum_g;
    sums[channels + c] = sum_gx;
    if (to.dbeta) cu::put(to.dbeta + c, static_cast<float>(sum_g), to.dbeta_write == Write::add);
    if (to.dgamma)
      cu::put(to.dgamma + c, static_cast<float>(sum_gx), to.dgamma_write == Write::add);
    if (to.mean_g) put_means(to.mean_g, to.mean_gx, to.count, c, sum_g, sum_gx);
  }
};

// How a step backwards knows where relu let the gradient through.
enum class Gate { open, output, input };  // everywhere; where y > 0; where y would be

// One row of what a gradient g is made of.
template <class T, int kWidth>
struct Fetched {
  Stored<T, kWidth> x, y, dy, more;
};

// Whether relu let the gradient of y = normalised(x, ...) through.
template <class T, Gate kGate>
__device__ inline bool is_open(float y, float x, float mean, float scale, float beta) {
  if constexpr (kGate == Gate::output) return y > 0.0f;
  if constexpr (kGate == Gate::input) return normalised(x, mean, scale, beta) > kLargestZero<T>;
  return true;
}

// The sum is rounded as if it had been stored.
template <class T, int kWidth>
__device__ inline Pack<kWidth> summed(const Fetched<T, kWidth>& of, bool more) {
  Pack<kWidth> g = widened(of.dy);
  if (!more) return g;
  const Pack<kWidth> second = widened(of.more);
  for (int k = 0; k < kWidth; ++k) g.at[k] = to_float(from_float<T>(g.at[k] + second.at[k]));
  return g;
}

// The sums of g and of g (x - mean) rstd. kParts: g may have two parts and may be kept.
template <class T, Gate kGate, bool kParts>
struct GradientTerms {
  static constexpr int kRows = kParts || kGate == Gate::output ? 2 : 4;
  template <int kWidth>
  struct Numbers {
    Pack<kWidth> mean, scale, beta;  // the latter two where the gate is the input
  };
  const T* x;
  const T* y;
  const T* dy;
  const T* more;  // null: none
  const float* mean;
  const float* rstd;
  const float* gamma;
  const float* beta;
  T* g;  // null: not kept
  template <int kWidth>
  __device__ Numbers<kWidth> of_columns(int64_t c) const {
    Numbers<kWidth> n{load<kWidth>(mean + c), {}, {}};
    if constexpr (kGate == Gate::input) {
      const Pack<kWidth> r = load<kWidth>(rstd + c);
      n.scale = load<kWidth>(gamma + c);
      n.beta = load<kWidth>(beta + c);
      for (int k = 0; k < kWidth; ++k) n.scale.at[k] *= r.at[k];
    }
    return n;
  }
  template <int kWidth>
  __device__ Fetched<T, kWidth> fetch(int64_t, int64_t offset) const {
    Fetched<T, kWidth> of{};
    of.x = cu::fetch<kWidth>(x + offset);
    of.dy = cu::fetch<kWidth>(dy + offset);
    if (kParts && more) of.more = cu::fetch<kWidth>(more + offset);
    if (kGate == Gate::output) of.y = cu::fetch<kWidth>(y + offset);
    return of;
  }
  template <int kWidth, int kCount>
  __device__ void add(int64_t offset, int64_t step, const Fetched<T, kWidth> (&of)[kCount],
                      const Numbers<kWidth>& n, double (&sums)[2][kWidth]) const {
#pragma unroll
    for (int i = 0; i < kCount; ++i) {
      const Pack<kWidth> v = widened(of[i].x), out = widened(of[i].y);
      Pack<kWidth> kept = summed(of[i], kParts && more);
      for (int k = 0; k < kWidth; ++k) {
        if (!is_open<T, kGate>(out.at[k], v.at[k], n.mean.at[k], n.scale.at[k], n.beta.at[k]))
          kept.at[k] = 0.0f;
        const double part = kept.at[k], above = v.at[k] - n.mean.at[k];
        sums[0][k] += part;
        sums[1][k] = fma(part, above, sums[1][k]);
      }
      if (kParts && g) store(g + offset + i * step, kept);
    }
  }
};

// dx = gamma rstd (g - mean_g - xhat mean_gx), or with kAdds: dx (+)= that; daddend (+)= g. Reads
// all before it writes: dx may be dy.
template <class T, Gate kGate, bool kAdds>
struct Backward {
  // What may be added to as well needs registers; wider packs would leave too few threads then.
  static constexpr int kPack = kAdds ? 4 : kVector<T>;
  static constexpr int kRows = kAdds && sizeof(T) == 4 ? 2 : 4;
  template <int kWidth>
  struct Row {
    Stored<T, kWidth> x, y, dy, dx, daddend;  // the latter two where they are added to
  };
  const T* x;
  const T* y;
  const T* dy;
  const float* mean;
  const float* rstd;
  const float* gamma;
  const float* beta;
  const float* mean_g;
  const float* mean_gx;
  T* dx;
  T* daddend;
  bool add, add_addend;
  // dx = scale g + slope (x - mean) + level
  template <int kWidth>
  struct Numbers {
    Pack<kWidth> mean, scale, slope, level, beta;
  };
  template <int kWidth>
  __device__ Numbers<kWidth> of_columns(int64_t c) const {
    const Pack<kWidth> r = load<kWidth>(rstd + c);
    Numbers<kWidth> n{load<kWidth>(mean + c),
                      load<kWidth>(gamma + c),
                      load<kWidth>(mean_gx + c),
                      load<kWidth>(mean_g + c),
                      {}};
    for (int k = 0; k < kWidth; ++k) {
      n.scale.at[k] *= r.at[k];
      n.slope.at[k] *= -(n.scale.at[k] * r.at[k]);
      n.level.at[k] *= -n.scale.at[k];
    }
    if (kGate == Gate::input) n.beta = load<kWidth>(beta + c);
    return n;
  }
  template <int kWidth>
  __device__ Row<kWidth> fetch(int64_t, int64_t offset) const {
    Row<kWidth> of{};
    of.dy = cu::fetch<kWidth>(dy + offset);
    if (kGate == Gate::output) of.y = cu::fetch<kWidth>(y + offset);
    if (!kAdds || dx || kGate == Gate::input) of.x = cu::fetch<kWidth>(x + offset);
    if (kAdds && dx && add) of.dx = cu::fetch<kWidth>(dx + offset);
    if (kAdds && daddend && add_addend) of.daddend = cu::fetch<kWidth>(daddend + offset);
    return of;
  }
  template <int kWidth>
  __device__ void at(int64_t offset, const Row<kWidth>& of, const Numbers<kWidth>& n) const {
    const Pack<kWidth> v = widened(of.x), out = widened(of.y);
    Pack<kWidth> g = widened(of.dy), result;
    for (int k = 0; k < kWidth; ++k) {
      if (!is_open<T, kGate>(out.at[k], v.at[k], n.mean.at[k], n.scale.at[k], n.beta.at[k]))
        g.at[k] = 0.0f;
      result.at[k] =
          fmaf(n.scale.at[k], g.at[k], fmaf(n.slope.at[k], v.at[k] - n.mean.at[k], n.level.at[k]));
    }
    if constexpr (kAdds) {
      if (dx) keep(dx + offset, of.dx, result, add);
      if (daddend) keep(daddend + offset, of.daddend, g, add_addend);
    } else {
      store(dx + offset, result);
    }
  }
  template <int kWidth>
  __device__ static void keep(T* to, const Stored<T, kWidth>& old, Pack<kWidth> v, bool add) {
    if (add) {
      const Pack<kWidth> before = widened(old);
      for (int k = 0; k < kWidth; ++k) v.at[k] = before.at[k] + v.at[k];
    }
    store(to, v);
  }
};

Gate gate_of(Activation act, const void* y) {
  if (act == Activation::none) return Gate::open;
  return y ? Gate::output : Gate::input;
}

template <Gate kGate, bool kParts, class T>
Status gradient_sums(Stream* s, int64_t rows, int64_t channels,
                     const GradientTerms<T, Gate::open, true>& of, void* scratch,
                     const GradientStore& store) noexcept {
  const bool vectors =
      channels % kVector<T> == 0 &&
      all_aligned(of.x, of.y, of.dy, of.more, of.mean, of.rstd, of.gamma, of.beta, of.g);
  return column_sums<2, kVector<T>>(
      s, rows, channels, vectors,
      GradientTerms<T, kGate, kParts>{of.x, of.y, of.dy, of.more, of.mean, of.rstd, of.gamma,
                                      of.beta, of.g},
      scratch, store);
}
template <Gate kGate, class T>
Status gradient_sums(Stream* s, int64_t rows, int64_t channels,
                     const GradientTerms<T, Gate::open, true>& of, void* scratch,
                     const GradientStore& store) noexcept {
  const bool parts = of.more || of.g;
  return parts ? gradient_sums<kGate, true>(s, rows, channels, of, scratch, store)
               : gradient_sums<kGate, false>(s, rows, channels, of, scratch, store);
}

template <class T>
Status batch_norm_backward_sums(Stream* s, int64_t rows, int64_t channels, const Element* x,
                                const Element* y, const Element* dy, const Element* more,
                                const float* mean, const float* rstd, const float* gamma,
                                const float* beta, Activation act, Element* g, double* sums,
                                void* scratch, const BatchNormGradients* gradients) noexcept {
  if (!has_batch_norm(act)) return Status::unsupported;
  const GradientTerms<T, Gate::open, true> of{
      typed<T>(x), typed<T>(y), typed<T>(dy), typed<T>(more), mean, rstd, gamma, beta, typed<T>(g)};
  const GradientStore store{channels, rstd, sums, gradients ? *gradients : BatchNormGradients{}};
  switch (gate_of(act, y)) {
    case Gate::open:
      return gradient_sums<Gate::open>(s, rows, channels, of, scratch, store);
    case Gate::output:
      return gradient_sums<Gate::output>(s, rows, channels, of, scratch, store);
    case Gate::input:
      break;
  }
  return gradient_sums<Gate::input>(s, rows, channels, of, scratch, store);
}

// `of`, for one gate, with what it leaves out where nothing is added.
template <Gate kGate, bool kAdds, class T>
Status backward(Stream* s, int64_t rows, int64_t channels,
                const Backward<T, Gate::open, true>& of) noexcept {
  using Visit = Backward<T, kGate, kAdds>;
  const bool vectors = channels % Visit::kPack == 0 &&
                       all_aligned(of.x, of.y, of.dy, of.mean, of.rstd, of.gamma, of.beta,
                                   of.mean_g, of.mean_gx, of.dx, of.daddend);
  return column_map<Visit::kPack>(
      s, rows, channels, vectors,
      Visit{of.x, of.y, of.dy, of.mean, of.rstd, of.gamma, of.beta, of.mean_g, of.mean_gx, of.dx,
            of.daddend, of.add, of.add_addend});
}
template <Gate kGate, class T>
Status backward(Stream* s, int64_t rows, int64_t channels,
                const Backward<T, Gate::open, true>& of) noexcept {
  const bool plain = of.dx && !of.add && !of.daddend;
  return plain ? backward<kGate, false>(s, rows, channels, of)
               : backward<kGate, true>(s, rows, channels, of);
}

template <class T>
Status batch_norm_backward(Stream* s, int64_t rows, int64_t channels, const Element* x,
                           const Element* y, const Element* dy, const float* mean,
                           const float* rstd, const float* gamma, const float* beta,
                           const float* mean_g, const float* mean_gx, Activation act, Element* dx,
                           Write dx_write, Element* daddend, Write daddend_write) noexcept {
  if (!has_batch_norm(act)) return Status::unsupported;
  const Backward<T, Gate::open, true> of{typed<T>(x),
                                         typed<T>(y),
                                         typed<T>(dy),
                                         mean,
                                         rstd,
                                         gamma,
                                         beta,
                                         mean_g,
                                         mean_gx,
                                         typed<T>(dx),
                                         typed<T>(daddend),
                                         dx_write == Write::add,
                                         daddend_write == Write::add};
  switch (gate_of(act, y)) {
    case Gate::open:
      return backward<Gate::open>(s, rows, channels, of);
    case Gate::output:
      return backward<Gate::output>(s, rows, channels, of);
    case Gate::input:
      break;
  }
  return backward<Gate::input>(s, rows, channels, of);
}

}  // namespace

template <class T>
void fill_batch_norm_backward(KernelTable& t) noexcept {
  t.batch_norm_backward_sums = batch_norm_backward_sums<T>;
  t.batch_norm_backward = batch_norm_backward<T>;
}
template void fill_batch_norm_backward<float>(KernelTable&) noexcept;
template void fill_batch_norm_backward<__nv_bfloat16>(KernelTable&) noexcept;
template void fill_batch_norm_backward<__half>(KernelTable&) noexcept;

}  // namespace trireme::cu
