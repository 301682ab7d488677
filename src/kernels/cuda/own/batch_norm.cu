// Batch normalisation in steps, so that sums can meet across leaves between them. Sums convert
// every element to fp64: E[x^2] - E[x]^2 then keeps fp32 accuracy even when the mean is large. All
// steps walk columns.h's way: 128-bit loads where the channels are a multiple of what these hold.
#include "kernels/cuda/own/channel_statistics.h"
#include "kernels/cuda/own/columns.h"
#include "kernels/cuda/own/fill.h"

namespace trireme::cu {
namespace {

// What is done with a channel's sums besides keeping them.
struct MomentStore {
  int64_t channels;
  double* sums;
  BatchNormStatistics statistics;  // mean null: none
  __device__ void put(int64_t c, const double (&of)[2]) const {
    sums[c] = of[0];
    sums[channels + c] = of[1];
    if (statistics.mean) put_statistics(statistics, c, of[0], of[1]);
  }
};
struct GradientStore {
  int64_t channels;
  double* sums;
  BatchNormGradients to;
  __device__ void put(int64_t c, const double (&of)[2]) const {
    sums[c] = of[0];
    sums[channels + c] = of[1];
    if (to.dbeta) cu::put(to.dbeta + c, static_cast<float>(of[0]), to.dbeta_write == Write::add);
    if (to.dgamma) cu::put(to.dgamma + c, static_cast<float>(of[1]), to.dgamma_write == Write::add);
    if (to.mean_g) put_means(to.mean_g, to.mean_gx, to.count, c, of[0], of[1]);
  }
};

template <class T>
struct MomentTerms {
  static constexpr int kRows = 4;
  const T* x;
  template <int kWidth>
  __device__ int of_columns(int64_t) const {
    return 0;
  }
  template <int kWidth>
  __device__ Stored<T, kWidth> fetch(int64_t, int64_t offset) const {
    return cu::fetch<kWidth>(x + offset);
  }
  template <int kWidth, int kCount>
  __device__ void add(const Stored<T, kWidth> (&of)[kCount], int, double (&sums)[2][kWidth]) const {
#pragma unroll
    for (int k = 0; k < kWidth; ++k) {
      double first[kCount], second[kCount];
#pragma unroll
      for (int i = 0; i < kCount; ++i) {
        first[i] = to_float(of[i].at[k]);
        second[i] = first[i] * first[i];
      }
      sums[0][k] += sum_of_rows(first);
      sums[1][k] += sum_of_rows(second);
    }
  }
};

template <int kWidth>
struct Channels {
  Pack<kWidth> mean, rstd;
};

// g = dy, or dy where y > 0 when there is a gate.
template <class T, int kWidth>
struct Gated {
  Stored<T, kWidth> dy, gate;
  __device__ Pack<kWidth> g() const {
    Pack<kWidth> g = widened(dy);
    const Pack<kWidth> y = widened(gate);
    for (int k = 0; k < kWidth; ++k) g.at[k] = y.at[k] > 0.0f ? g.at[k] : 0.0f;
    return g;
  }
};
template <int kWidth, class T>
__device__ inline Gated<T, kWidth> fetch_gated(const T* dy, const T* gate, int64_t offset) {
  Gated<T, kWidth> of{cu::fetch<kWidth>(dy + offset), {}};
  if (gate) {
    of.gate = cu::fetch<kWidth>(gate + offset);
  } else {
    for (int k = 0; k < kWidth; ++k) of.gate.at[k] = from_float<T>(1.0f);
  }
  return of;
}

template <class T>
struct GradientTerms {
  static constexpr int kRows = kVector<T> > 4 ? 2 : 4;
  template <int kWidth>
  struct Fetched {
    Stored<T, kWidth> x;
    Gated<T, kWidth> gated;
  };
  const T* x;
  const T* gate;
  const T* dy;
  const float* mean;
  const float* rstd;
  template <int kWidth>
  __device__ Channels<kWidth> of_columns(int64_t c) const {
    return {load<kWidth>(mean + c), load<kWidth>(rstd + c)};
  }
  template <int kWidth>
  __device__ Fetched<kWidth> fetch(int64_t, int64_t offset) const {
    return {cu::fetch<kWidth>(x + offset), fetch_gated<kWidth>(dy, gate, offset)};
  }
  template <int kWidth, int kCount>
  __device__ void add(const Fetched<kWidth> (&of)[kCount], const Channels<kWidth>& c,
                      double (&sums)[2][kWidth]) const {
#pragma unroll
    for (int i = 0; i < kCount; ++i) {
      const Pack<kWidth> v = widened(of[i].x), g = of[i].gated.g();
      for (int k = 0; k < kWidth; ++k) {
        const float xhat = (v.at[k] - c.mean.at[k]) * c.rstd.at[k];
        sums[0][k] += static_cast<double>(g.at[k]);
        sums[1][k] += static_cast<double>(g.at[k]) * static_cast<double>(xhat);
      }
    }
  }
};

// y = act((x - mean) scale + beta + addend), scale = gamma rstd.
template <class T>
struct Normalise {
  static constexpr int kRows = 4;
  template <int kWidth>
  struct Fetched {
    Stored<T, kWidth> x, addend;
  };
  const T* x;
  const float* mean;
  const float* rstd;
  const float* gamma;
  const float* beta;
  const T* addend;
  bool relu;
  T* y;
  template <int kWidth>
  struct Numbers {
    Pack<kWidth> mean, scale, beta;
  };
  template <int kWidth>
  __device__ Numbers<kWidth> of_columns(int64_t c) const {
    Numbers<kWidth> n{load<kWidth>(mean + c), load<kWidth>(rstd + c), load<kWidth>(beta + c)};
    const Pack<kWidth> g = load<kWidth>(gamma + c);
    for (int k = 0; k < kWidth; ++k) n.scale.at[k] *= g.at[k];
    return n;
  }
  template <int kWidth>
  __device__ Fetched<kWidth> fetch(int64_t, int64_t offset) const {
    Fetched<kWidth> of{cu::fetch<kWidth>(x + offset), {}};
    if (addend) of.addend = cu::fetch<kWidth>(addend + offset);
    return of;
  }
  template <int kWidth>
  __device__ void at(int64_t offset, const Fetched<kWidth>& of, const Numbers<kWidth>& n) const {
    Pack<kWidth> v = widened(of.x), more{};
    if (addend) more = widened(of.addend);
    for (int k = 0; k < kWidth; ++k) {
      v.at[k] = (v.at[k] - n.mean.at[k]) * n.scale.at[k] + n.beta.at[k] + more.at[k];
      if (relu && v.at[k] < 0.0f) v.at[k] = 0.0f;
    }
    store(y + offset, v);
  }
};

// dx (+)= gamma rstd (g - mean_g - xhat mean_gx);  daddend (+)= g. Reads all before it writes: dx
// may be dy.
template <class T>
struct Backward {
  // Five numbers a column and up to five tensors: wider packs would leave too few threads.
  static constexpr int kPack = 4, kRows = sizeof(T) == 4 ? 2 : 4;
  template <int kWidth>
  struct Fetched {
    Stored<T, kWidth> x, dx, daddend;  // the latter two where they are added to
    Gated<T, kWidth> gated;
  };
  const T* x;
  const T* gate;
  const T* dy;
  const float* mean;
  const float* rstd;
  const float* gamma;
  const float* mean_g;
  const float* mean_gx;
  T* dx;
  T* daddend;
  bool add, add_addend;
  template <int kWidth>
  struct Numbers {
    Pack<kWidth> mean, rstd, scale, mean_g, mean_gx;
  };
  template <int kWidth>
  __device__ Numbers<kWidth> of_columns(int64_t c) const {
    Numbers<kWidth> n{load<kWidth>(mean + c), load<kWidth>(rstd + c), load<kWidth>(gamma + c),
                      load<kWidth>(mean_g + c), load<kWidth>(mean_gx + c)};
    for (int k = 0; k < kWidth; ++k) n.scale.at[k] *= n.rstd.at[k];
    return n;
  }
  template <int kWidth>
  __device__ Fetched<kWidth> fetch(int64_t, int64_t offset) const {
    Fetched<kWidth> of{{}, {}, {}, fetch_gated<kWidth>(dy, gate, offset)};
    if (dx) of.x = cu::fetch<kWidth>(x + offset);
    if (dx && add) of.dx = cu::fetch<kWidth>(dx + offset);
    if (daddend && add_addend) of.daddend = cu::fetch<kWidth>(daddend + offset);
    return of;
  }
  template <int kWidth>
  __device__ void at(int64_t offset, const Fetched<kWidth>& of, const Numbers<kWidth>& n) const {
    const Pack<kWidth> g = of.gated.g();
    if (dx) {
      Pack<kWidth> v = widened(of.x);
      for (int k = 0; k < kWidth; ++k) {
        const float xhat = (v.at[k] - n.mean.at[k]) * n.rstd.at[k];
        v.at[k] = n.scale.at[k] * (g.at[k] - n.mean_g.at[k] - xhat * n.mean_gx.at[k]);
      }
      keep(dx + offset, of.dx, v, add);
    }
    if (daddend) keep(daddend + offset, of.daddend, g, add_addend);
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

bool supported(Activation act) { return act == Activation::none || act == Activation::relu; }

template <class T>
Status batch_norm_sums(Stream* s, int64_t rows, int64_t channels, const Element* x, double* sums,
                       void* scratch, const BatchNormStatistics* statistics) noexcept {
  const bool vectors = channels % kVector<T> == 0 && all_aligned(x);
  return column_sums<2, kVector<T>>(
      s, rows, channels, vectors, MomentTerms<T>{typed<T>(x)}, scratch,
      MomentStore{channels, sums, statistics ? *statistics : BatchNormStatistics{}});
}

template <class T>
Status batch_norm_forward(Stream* s, int64_t rows, int64_t channels, const Element* x,
                          const float* mean, const float* rstd, const float* gamma,
                          const float* beta, const Element* addend, Activation act,
                          Element* y) noexcept {
  if (!supported(act)) return Status::unsupported;
  const bool vectors =
      channels % kVector<T> == 0 && all_aligned(x, mean, rstd, gamma, beta, addend, y);
  return column_map<kVector<T>>(s, rows, channels, vectors,
                                Normalise<T>{typed<T>(x), mean, rstd, gamma, beta, typed<T>(addend),
                                             act == Activation::relu, typed<T>(y)});
}

template <class T>
Status batch_norm_backward_sums(Stream* s, int64_t rows, int64_t channels, const Element* x,
                                const Element* y, const Element* dy, const float* mean,
                                const float* rstd, Activation act, double* sums, void* scratch,
                                const BatchNormGradients* gradients) noexcept {
  if (!supported(act)) return Status::unsupported;
  const T* gate = act == Activation::relu ? typed<T>(y) : nullptr;
  const bool vectors = channels % kVector<T> == 0 && all_aligned(x, gate, dy, mean, rstd);
  return column_sums<2, kVector<T>>(
      s, rows, channels, vectors, GradientTerms<T>{typed<T>(x), gate, typed<T>(dy), mean, rstd},
      scratch, GradientStore{channels, sums, gradients ? *gradients : BatchNormGradients{}});
}

template <class T>
Status batch_norm_backward(Stream* s, int64_t rows, int64_t channels, const Element* x,
                           const Element* y, const Element* dy, const float* mean,
                           const float* rstd, const float* gamma, const float* mean_g,
                           const float* mean_gx, Activation act, Element* dx, Write dx_write,
                           Element* daddend, Write daddend_write) noexcept {
  if (!supported(act)) return Status::unsupported;
  const T* gate = act == Activation::relu ? typed<T>(y) : nullptr;
  constexpr int kPack = Backward<T>::kPack;
  const bool vectors = channels % kPack == 0 &&
                       all_aligned(x, gate, dy, mean, rstd, gamma, mean_g, mean_gx, dx, daddend);
  return column_map<kPack>(
      s, rows, channels, vectors,
      Backward<T>{typed<T>(x), gate, typed<T>(dy), mean, rstd, gamma, mean_g, mean_gx, typed<T>(dx),
                  typed<T>(daddend), dx_write == Write::add, daddend_write == Write::add});
}

}  // namespace

template <class T>
void fill_batch_norm(KernelTable& t) noexcept {
  t.batch_norm_sums = batch_norm_sums<T>;
  t.batch_norm_forward = batch_norm_forward<T>;
  t.batch_norm_backward_sums = batch_norm_backward_sums<T>;
  t.batch_norm_backward = batch_norm_backward<T>;
}
template void fill_batch_norm<float>(KernelTable&) noexcept;
template void fill_batch_norm<__nv_bfloat16>(KernelTable&) noexcept;
template void fill_batch_norm<__half>(KernelTable&) noexcept;

}  // namespace trireme::cu
