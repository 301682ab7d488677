#include "data/normalizer.h"

#include <algorithm>

namespace trireme {
namespace {

template <class T>
void normalize(const T* __restrict x, const float* __restrict mean,
               const float* __restrict inverse_std, int64_t n, float* __restrict y) {
  for (int64_t i = 0; i < n; ++i) y[i] = (static_cast<float>(x[i]) - mean[i]) * inverse_std[i];
}

template <class T>
void normalize_blocks(const T* x, const std::vector<float>& mean,
                      const std::vector<float>& inverse_std, int64_t n, float* y) {
  const int64_t block = static_cast<int64_t>(mean.size());
  for (int64_t i = 0; i < n; i += block) {
    normalize(x + i, mean.data(), inverse_std.data(), std::min(block, n - i), y + i);
  }
}

}  // namespace

Normalizer::Normalizer(const Normalization& normalization, int64_t channels) : channels_(channels) {
  constexpr int64_t kBlock = 1024;
  const int64_t pixels = std::max<int64_t>(1, kBlock / std::max<int64_t>(1, channels));
  const bool none = normalization.mean.empty();
  for (int64_t i = 0; i < pixels * channels; ++i) {
    const size_t c = static_cast<size_t>(i % channels);
    mean_.push_back(none ? 0.0f : static_cast<float>(normalization.mean[c]));
    inverse_std_.push_back(none ? 1.0f : static_cast<float>(1.0 / normalization.std[c]));
  }
}

void Normalizer::apply(const uint8_t* x, int64_t n, float* y) const {
  normalize_blocks(x, mean_, inverse_std_, n, y);
}

void Normalizer::apply(const float* x, int64_t n, float* y) const {
  normalize_blocks(x, mean_, inverse_std_, n, y);
}

void Normalizer::zeros(int64_t n, float* y) const {
  for (int64_t i = 0; i < n; ++i) {
    const size_t c = static_cast<size_t>(i % channels_);
    y[i] = (0.0f - mean_[c]) * inverse_std_[c];
  }
}

}  // namespace trireme
