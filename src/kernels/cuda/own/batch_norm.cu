// Batch normalisation in steps, so that sums can meet across leaves between them. Sums convert
// every element to fp64: E[x^2] - E[x]^2 then keeps fp32 accuracy even when the mean is large. All
// steps walk columns.h's way: 128-bit loads where the channels are a multiple of what these hold.
#include "kernels/cuda/own/channel_statistics.h"
#include "kernels/cuda/own/columns.h"
#include "kernels/cuda/own/fill.h"
#include "kernels/cuda/own/normalised.h"

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
template <class T>
struct MomentTerms {
  static constexpr int kRows = 8;
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
  __device__ void add(int64_t, int64_t, const Stored<T, kWidth> (&of)[kCount], int,
                      double (&sums)[2][kWidth]) const {
#pragma unroll
    for (int i = 0; i < kCount; ++i) {
      const Pack<kWidth> v = widened(of[i]);
      for (int k = 0; k < kWidth; ++k) {
        const double value = v.at[k];
        sums[0][k] += value;
        sums[1][k] = fma(value, value, sums[1][k]);
      }
    }
  }
};

// y = act((x - mean) scale + beta + addend), scale = gamma rstd.
template <class T, bool kAddend>
struct Normalise {
  static constexpr int kRows = 4;
  template <int kWidth>
  struct Row {
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
  __device__ Row<kWidth> fetch(int64_t, int64_t offset) const {
    Row<kWidth> of{};
    of.x = cu::fetch<kWidth>(x + offset);
    if (kAddend) of.addend = cu::fetch<kWidth>(addend + offset);
    return of;
  }
  template <int kWidth>
  __device__ void at(int64_t offset, const Row<kWidth>& of, const Numbers<kWidth>& n) const {
    Pack<kWidth> v = widened(of.x);
    const Pack<kWidth> more = widened(of.addend);
    for (int k = 0; k < kWidth; ++k) {
      v.at[k] = normalised(v.at[k], n.mean.at[k], n.scale.at[k], n.beta.at[k]);
      if (kAddend) v.at[k] += more.at[k];
      if (relu && v.at[k] < 0.0f) v.at[k] = 0.0f;
    }
    store(y + offset, v);
  }
};

template <class T>
Status batch_norm_sums(Stream* s, int64_t rows, int64_t channels, const Element* x, double* sums,
                       void* scratch, const BatchNormStatistics* statistics) noexcept {
  const bool vectors = channels % kVector<T> == 0 && all_aligned(x);
  return column_sums<2, kVector<T>>(
      s, rows, channels, vectors, MomentTerms<T>{typed<T>(x)}, scratch,
      MomentStore{channels, sums, statistics ? *statistics : BatchNormStatistics{}});
}

template <class T, bool kAddend>
Status normalise(Stream* s, int64_t rows, int64_t channels, bool vectors,
                 const Normalise<T, kAddend>& visit) noexcept {
  return column_map<kVector<T>>(s, rows, channels, vectors, visit);
}

template <class T>
Status batch_norm_forward(Stream* s, int64_t rows, int64_t channels, const Element* x,
                          const float* mean, const float* rstd, const float* gamma,
                          const float* beta, const Element* addend, Activation act,
                          Element* y) noexcept {
  if (!has_batch_norm(act)) return Status::unsupported;
  const bool relu = act == Activation::relu;
  const bool vectors =
      channels % kVector<T> == 0 && all_aligned(x, mean, rstd, gamma, beta, addend, y);
  if (addend)
    return normalise(s, rows, channels, vectors,
                     Normalise<T, true>{typed<T>(x), mean, rstd, gamma, beta, typed<T>(addend),
                                        relu, typed<T>(y)});
  return normalise(
      s, rows, channels, vectors,
      Normalise<T, false>{typed<T>(x), mean, rstd, gamma, beta, nullptr, relu, typed<T>(y)});
}

}  // namespace

template <class T>
void fill_batch_norm(KernelTable& t) noexcept {
  t.batch_norm_sums = batch_norm_sums<T>;
  t.batch_norm_forward = batch_norm_forward<T>;
}
template void fill_batch_norm<float>(KernelTable&) noexcept;
template void fill_batch_norm<__nv_bfloat16>(KernelTable&) noexcept;
template void fill_batch_norm<__half>(KernelTable&) noexcept;

}  // namespace trireme::cu
