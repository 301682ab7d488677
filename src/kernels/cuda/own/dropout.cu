// Counter-based dropout: the mask is recomputed in backward, never stored. A thread makes the four
// words of one counter for four neighbouring elements of one sample, and as many counters as 128
// bits of elements need: 128-bit loads and stores where samples begin at multiples of them.
#include "kernels/cuda/own/fill.h"
#include "kernels/cuda/own/vectors.h"

namespace trireme::cu {
namespace {

struct Words {
  unsigned w[4];
};

// base/rng.h's mix and philox, without its standard-library types.
__device__ inline uint64_t mix_words(uint64_t a, uint64_t b) {
  uint64_t z = a + 0x9e3779b97f4a7c15u * (b + 1);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

__device__ inline Words philox_words(uint64_t key, uint64_t low, uint64_t high) {
  unsigned c0 = static_cast<unsigned>(low), c1 = static_cast<unsigned>(low >> 32);
  unsigned c2 = static_cast<unsigned>(high), c3 = static_cast<unsigned>(high >> 32);
  unsigned k0 = static_cast<unsigned>(key), k1 = static_cast<unsigned>(key >> 32);
  for (int round = 0; round < 10; ++round) {
    const unsigned high0 = __umulhi(0xD2511F53u, c0), high1 = __umulhi(0xCD9E8D57u, c2);
    const unsigned low0 = 0xD2511F53u * c0, low1 = 0xCD9E8D57u * c2;
    c0 = high1 ^ c1 ^ k0;
    c2 = high0 ^ c3 ^ k1;
    c1 = low1;
    c3 = low0;
    k0 += 0x9E3779B9u;
    k1 += 0xBB67AE85u;
  }
  return {c0, c1, c2, c3};
}

struct Mask {
  uint64_t key;
  unsigned limit;  // a word is kept when its upper 24 bits are >= p 2^24
  float factor;    // 1 / (1 - p)
};

// y (+)= kept ? x factor : 0, one sample a row of the grid.
template <int kWidth, class T>
__global__ void __launch_bounds__(kBlock)
    dropout_kernel(int64_t samples, int64_t elements, Mask mask, const SampleKey* keys, const T* x,
                   T* y, bool add) {
  constexpr int kUnit = kVector<T>, kCounters = kUnit / 4;  // of a thread at a time
  const int64_t units = ceil_div(elements, kUnit);
  for (int64_t i = blockIdx.y; i < samples; i += gridDim.y) {
    const uint64_t high = mix_words(keys[i].epoch, keys[i].position);
    for (int64_t u = first_index(); u < units; u += grid_stride()) {
      Words words[kCounters];
      for (int c = 0; c < kCounters; ++c)
        words[c] = philox_words(mask.key, static_cast<uint64_t>(u * kCounters + c), high);
      const int64_t first = i * elements + kUnit * u, rest = elements - kUnit * u;
#pragma unroll
      for (int k = 0; k < kUnit; k += kWidth) {
        if (k >= rest) break;
        Pack<kWidth> v = load<kWidth>(x + first + k);
        for (int j = 0; j < kWidth; ++j) {
          const unsigned word = words[(k + j) / 4].w[(k + j) % 4];
          v.at[j] = word >> 8 >= mask.limit ? v.at[j] * mask.factor : 0.0f;
        }
        put(y + first + k, v, add);
      }
    }
  }
}

template <class T>
Status apply(Stream* s, const DropoutSpec& spec, const SampleKey* keys, const Element* x,
             Element* y, bool add) noexcept {
  if (!(spec.p >= 0.0f && spec.p <= 1.0f)) return Status::invalid;
  const Mask mask{spec.key, static_cast<unsigned>(ceilf(spec.p * 0x1p24f)),
                  spec.p < 1.0f ? 1.0f / (1.0f - spec.p) : 0.0f};
  dim3 grid = grid_for(ceil_div(spec.elements, kVector<T>));
  grid.y = static_cast<unsigned>(smaller(spec.n, kMostGridY));
  const bool vectors = spec.elements % kVector<T> == 0 && all_aligned(x, y);
  return launch(vectors ? dropout_kernel<kVector<T>, T> : dropout_kernel<1, T>, grid, kBlock, 0, s,
                spec.n, spec.elements, mask, keys, typed<T>(x), typed<T>(y), add);
}

template <class T>
Status dropout_forward(Stream* s, const DropoutSpec* spec, const SampleKey* keys, const Element* x,
                       Element* y) noexcept {
  return apply<T>(s, *spec, keys, x, y, false);
}

template <class T>
Status dropout_backward(Stream* s, const DropoutSpec* spec, const SampleKey* keys,
                        const Element* dy, Element* dx, Write write) noexcept {
  return apply<T>(s, *spec, keys, dy, dx, write == Write::add);
}

}  // namespace

template <class T>
void fill_dropout(KernelTable& t) noexcept {
  t.dropout_forward = dropout_forward<T>;
  t.dropout_backward = dropout_backward<T>;
}
template void fill_dropout<float>(KernelTable&) noexcept;
template void fill_dropout<__nv_bfloat16>(KernelTable&) noexcept;
template void fill_dropout<__half>(KernelTable&) noexcept;

}  // namespace trireme::cu
