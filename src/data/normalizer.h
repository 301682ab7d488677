#pragma once
// x' = (x - mean) * (1 / std), in fp32, by channel.

#include <cstdint>
#include <vector>

#include "data/source.h"

namespace trireme {

// By channel, without normalisation 0 and 1.
struct ChannelConstants {
  std::vector<float> mean, inverse_std;
};
ChannelConstants channel_constants(const Normalization& normalization, int64_t channels);

// The constants are repeated over a block of whole pixels, so that one flat loop serves any number
// of channels and vectorises.
class Normalizer {
 public:
  // `channels`: innermost extent of the data (an image's channels, a table's columns); 0: none.
  Normalizer(const Normalization& normalization, int64_t channels);
  // y[i] = normalised x[i], i < n. x starts at channel 0. x and y must not overlap.
  void apply(const uint8_t* x, int64_t n, float* y) const;
  void apply(const float* x, int64_t n, float* y) const;
  // What raw zeros become: padding. n starts at channel 0.
  void zeros(int64_t n, float* y) const;
  int64_t channels() const { return channels_; }

 private:
  int64_t channels_;
  std::vector<float> mean_, inverse_std_;  // the block
};

}  // namespace trireme
