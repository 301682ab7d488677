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

ChannelConstants channel_constants(const Normalization& normalization, int64_t channels) {
  const auto n = static_cast<size_t>(channels);
  ChannelConstants constants{std::vector<float>(n, 0.0f), std::vector<float>(n, 1.0f)};
  if (normalization.mean.empty()) return constants;
  for (size_t c = 0; c < n; ++c) {
    constants.mean[c] = static_cast<float>(normalization.mean[c]);
    constants.inverse_std[c] = static_cast<float>(1.0 / normalization.std[c]);
  }
  return constants;
}

Normalizer::Normalizer(const Normalization& normalization, int64_t channels) : channels_(channels) {
  constexpr int64_t kBlock = 1024;
  const int64_t pixels = std::max<int64_t>(1, kBlock / std::max<int64_t>(1, channels));
  const ChannelConstants of_pixel = channel_constants(normalization, channels);
  for (int64_t i = 0; i < pixels; ++i) {
    mean_.insert(mean_.end(), of_pixel.mean.begin(), of_pixel.mean.end());
    inverse_std_.insert(inverse_std_.end(), of_pixel.inverse_std.begin(),
                        of_pixel.inverse_std.end());
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
