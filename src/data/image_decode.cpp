#include "data/image_decode.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/error.h"

namespace trireme {
namespace {

bool starts_with(std::span<const std::byte> bytes, std::initializer_list<int> magic) {
  return bytes.size() >= magic.size() &&
         std::equal(magic.begin(), magic.end(), bytes.begin(),
                    [](int m, std::byte b) { return std::byte(m) == b; });
}

// The two source positions around an output position, and the weight of the second.
struct Neighbours {
  int64_t low, high;
  double weight;
};
Neighbours neighbours(int64_t out, int64_t out_size, int64_t in_size) {
  const double scale = static_cast<double>(in_size) / static_cast<double>(out_size);
  const double at = std::max(0.0, (static_cast<double>(out) + 0.5) * scale - 0.5);
  const int64_t low = std::min(static_cast<int64_t>(at), in_size - 1);
  return {low, std::min(low + 1, in_size - 1), at - static_cast<double>(low)};
}

}  // namespace

void check_size(int64_t height, int64_t width, const std::string& name) {
  constexpr int64_t kMostPixels = int64_t{1} << 28;
  if (height * width <= kMostPixels) return;
  throw DataError(fmt::format("{} claims to be {}x{} (height x width)", name, height, width),
                  kReplaceImage);
}

Image decode_image(std::span<const std::byte> bytes, const std::string& name, int64_t channels) {
  if (starts_with(bytes, {0xff, 0xd8})) return decode_jpeg(bytes, name, channels);
  if (starts_with(bytes, {0x89, 'P', 'N', 'G'})) return decode_png(bytes, name, channels);
  throw DataError(fmt::format("{} is neither JPEG nor PNG ({} bytes)", name, bytes.size()),
                  kReplaceImage);
}

Image resize_bilinear(const Image& image, int64_t height, int64_t width) {
  if (image.height == height && image.width == width) return image;
  Image result{height, width, image.channels, {}};
  result.pixels.reserve(static_cast<size_t>(height * width * image.channels));
  for (int64_t y = 0; y < height; ++y) {
    const Neighbours v = neighbours(y, height, image.height);
    for (int64_t x = 0; x < width; ++x) {
      const Neighbours h = neighbours(x, width, image.width);
      for (int64_t c = 0; c < image.channels; ++c) {
        const auto pixel = [&](int64_t py, int64_t px) {
          return static_cast<double>(
              image.pixels[size_t((py * image.width + px) * image.channels + c)]);
        };
        const double top = std::lerp(pixel(v.low, h.low), pixel(v.low, h.high), h.weight);
        const double bottom = std::lerp(pixel(v.high, h.low), pixel(v.high, h.high), h.weight);
        result.pixels.push_back(
            static_cast<uint8_t>(std::lround(std::lerp(top, bottom, v.weight))));
      }
    }
  }
  return result;
}

}  // namespace trireme
