#pragma once
// Reductions of one contiguous row with 16 fixed accumulators: element i goes to accumulator i %
// 16, and these are added as a binary tree. The result depends on the values and the length alone.

#include <cstdint>

namespace trireme::cpu::TRIREME_LEVEL {

constexpr int64_t kAccumulators = 16;

template <class T>
static inline T tree_sum(T* acc) {
  for (int64_t half = kAccumulators / 2; half > 0; half /= 2) {
    for (int64_t j = 0; j < half; ++j) acc[j] += acc[j + half];
  }
  return acc[0];
}

// sum over i < n of term(i), each term converted to T.
template <class T, class Term>
static inline T sum_terms(int64_t n, Term term) {
  T acc[kAccumulators] = {};
  int64_t i = 0;
  for (; i + kAccumulators <= n; i += kAccumulators) {
    for (int64_t j = 0; j < kAccumulators; ++j) acc[j] += static_cast<T>(term(i + j));
  }
  for (int64_t j = 0; i + j < n; ++j) acc[j] += static_cast<T>(term(i + j));
  return tree_sum(acc);
}

// The largest x; NaN when the row holds one. n >= 1.
static inline float row_maximum(int64_t n, const float* x) {
  float acc[kAccumulators];
  for (float& a : acc) a = x[0];
  int64_t i = 0;
  for (; i + kAccumulators <= n; i += kAccumulators) {
    for (int64_t j = 0; j < kAccumulators; ++j) {
      const float v = x[i + j];
      acc[j] = v > acc[j] || v != v ? v : acc[j];
    }
  }
  for (; i < n; ++i) acc[0] = x[i] > acc[0] || x[i] != x[i] ? x[i] : acc[0];
  float best = acc[0];
  for (float a : acc) best = a > best || a != a ? a : best;
  return best;
}

}  // namespace trireme::cpu::TRIREME_LEVEL
