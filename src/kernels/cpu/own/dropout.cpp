// Counter-based dropout: the mask is recomputed in backward, never stored.
#include "kernels/cpu/own/kernels.h"

namespace trireme::cpu::TRIREME_LEVEL {
namespace {

constexpr int kLanes = 32;  // counters computed side by side
constexpr int64_t kBlock = int64_t{4} * kLanes;

// base/rng.h's mix, without its header (which brings standard-library templates).
inline uint64_t mix_words(uint64_t a, uint64_t b) {
  uint64_t z = a + 0x9e3779b97f4a7c15u * (b + 1);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

// words[4 j + w] = word w of philox(key, first + j, high) for the counters j < kLanes.
// `unroll 1`: the compiler would take the loops apart before it could vectorise them.
inline void philox_block(uint64_t key, uint64_t first, uint64_t high, uint32_t* words) {
  uint32_t c0[kLanes], c1[kLanes], c2[kLanes], c3[kLanes];
#pragma GCC unroll 1
  for (int j = 0; j < kLanes; ++j) {
    const uint64_t low = first + static_cast<uint64_t>(j);
    c0[j] = static_cast<uint32_t>(low);
    c1[j] = static_cast<uint32_t>(low >> 32);
    c2[j] = static_cast<uint32_t>(high);
    c3[j] = static_cast<uint32_t>(high >> 32);
  }
  uint32_t k0 = static_cast<uint32_t>(key), k1 = static_cast<uint32_t>(key >> 32);
  for (int round = 0; round < 10; ++round) {
#pragma GCC unroll 1
    for (int j = 0; j < kLanes; ++j) {
      const uint32_t high0 = static_cast<uint32_t>((uint64_t{0xD2511F53u} * c0[j]) >> 32);
      const uint32_t high1 = static_cast<uint32_t>((uint64_t{0xCD9E8D57u} * c2[j]) >> 32);
      const uint32_t low0 = 0xD2511F53u * c0[j], low1 = 0xCD9E8D57u * c2[j];
      c0[j] = high1 ^ c1[j] ^ k0;
      c2[j] = high0 ^ c3[j] ^ k1;
      c1[j] = low1;
      c3[j] = low0;
    }
    k0 += 0x9E3779B9u;
    k1 += 0xBB67AE85u;
  }
  for (int j = 0; j < kLanes; ++j) {
    words[4 * j] = c0[j];
    words[4 * j + 1] = c1[j];
    words[4 * j + 2] = c2[j];
    words[4 * j + 3] = c3[j];
  }
}

// y (+)= kept ? x / (1 - p) : 0. A word is kept when its upper 24 bits are >= p 2^24, which is what
// comparing to_unit_float(word) with p means.
Status apply(const DropoutSpec& spec, const SampleKey* keys, const float* x, float* y, bool add) {
  if (!(spec.p >= 0.0f && spec.p <= 1.0f)) return Status::invalid;
  const float factor = spec.p < 1.0f ? 1.0f / (1.0f - spec.p) : 0.0f;
  const int32_t limit = static_cast<int32_t>(__builtin_ceilf(spec.p * 0x1p24f));
  uint32_t words[kBlock];
  for (int64_t i = 0; i < spec.n; ++i) {
    const uint64_t high = mix_words(keys[i].epoch, keys[i].position);
    const float* from = x + i * spec.elements;
    float* to = y + i * spec.elements;
    for (int64_t e = 0; e < spec.elements; e += kBlock) {
      philox_block(spec.key, static_cast<uint64_t>(e / 4), high, words);
      const int64_t rest = spec.elements - e;
      const int64_t n = rest < kBlock ? rest : kBlock;
#pragma GCC ivdep
      for (int64_t j = 0; j < n; ++j) {
        const float scaled = from[e + j] * factor;
        const float kept = static_cast<int32_t>(words[j] >> 8) >= limit ? scaled : 0.0f;
        to[e + j] = add ? to[e + j] + kept : kept;
      }
    }
  }
  return Status::ok;
}

}  // namespace

Status dropout_forward(Stream*, const DropoutSpec* spec, const SampleKey* keys, const float* x,
                       float* y) noexcept {
  return apply(*spec, keys, x, y, false);
}

Status dropout_backward(Stream*, const DropoutSpec* spec, const SampleKey* keys, const float* dy,
                        float* dx, Write write) noexcept {
  return apply(*spec, keys, dy, dx, write == Write::add);
}

}  // namespace trireme::cpu::TRIREME_LEVEL
