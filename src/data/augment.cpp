#include "data/augment.h"

#include <algorithm>

#include "base/rng.h"

namespace trireme {

Placement draw_placement(const Augmentation& augmentation, const SampleKey& key) {
  const Philox4 words = philox(augmentation.key, key.position, key.epoch);
  const uint64_t range = 2 * static_cast<uint64_t>(augmentation.padding) + 1;
  return {static_cast<int64_t>(to_below(0, words[0], range)) - augmentation.padding,
          static_cast<int64_t>(to_below(0, words[1], range)) - augmentation.padding,
          augmentation.flip && (words[2] >> 31) != 0};
}

template <class T, class Fill, class Out>
void place_image(const T* raw, int64_t height, int64_t width, const Placement& placement,
                 const Fill& fill, Out* out) {
  const int64_t channels = fill.channels(), row_size = width * channels;
  const int64_t begin = std::clamp<int64_t>(-placement.x, 0, width);
  const int64_t end = std::clamp<int64_t>(width - placement.x, begin, width);
  for (int64_t r = 0; r < height; ++r) {
    Out* row = out + r * row_size;
    const int64_t from = r + placement.y;
    if (from < 0 || from >= height) {
      fill.zeros(row_size, row);
      continue;
    }
    fill.zeros(begin * channels, row);
    if (end > begin) {
      fill.apply(raw + (from * width + begin + placement.x) * channels, (end - begin) * channels,
                 row + begin * channels);
    }
    fill.zeros((width - end) * channels, row + end * channels);
    if (!placement.flip) continue;
    for (int64_t left = 0, right = width - 1; left < right; ++left, --right) {
      std::swap_ranges(row + left * channels, row + (left + 1) * channels, row + right * channels);
    }
  }
}

template void place_image(const uint8_t*, int64_t, int64_t, const Placement&, const Normalizer&,
                          float*);
template void place_image(const uint8_t*, int64_t, int64_t, const Placement&, const Unchanged&,
                          uint8_t*);
template void place_image(const float*, int64_t, int64_t, const Placement&, const Normalizer&,
                          float*);

}  // namespace trireme
