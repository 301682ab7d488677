#pragma once
// Random crops and flips of training images.

#include <algorithm>
#include <cstdint>

#include "data/normalizer.h"

namespace trireme {

struct Augmentation {
  int64_t padding =
      0;              // pixels added on each side before a crop of the image's own size; 0: no crop
  bool flip = false;  // mirrored left to right, half of the time
  uint64_t key = 0;   // mix(seed, "augment")
  bool any() const { return padding > 0 || flip; }
};

// The crop's corner relative to the image's, in [-padding, padding], and whether it is mirrored.
struct Placement {
  int64_t y = 0, x = 0;
  bool flip = false;
};
// A function of (key, epoch, position) alone.
Placement draw_placement(const Augmentation& augmentation, const SampleKey& key);

// What stands in for a Normalizer where bytes stay as they are.
class Unchanged {
 public:
  explicit Unchanged(int64_t channels) : channels_(channels) {}
  void apply(const uint8_t* x, int64_t n, uint8_t* y) const { std::copy_n(x, n, y); }
  void zeros(int64_t n, uint8_t* y) const { std::fill_n(y, n, uint8_t{0}); }
  int64_t channels() const { return channels_; }

 private:
  int64_t channels_;
};

// out[r,c] = normalised raw[r + y, c + x], then mirrored. Raw zeros outside of the image.
// raw, out: H,W,C of the same size. Fill: Normalizer, or Unchanged.
template <class T, class Fill, class Out>
void place_image(const T* raw, int64_t height, int64_t width, const Placement& placement,
                 const Fill& fill, Out* out);

}  // namespace trireme
