#include "data/image_list.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>

#include "base/error.h"
#include "base/parallel.h"
#include "data/image_decode.h"

namespace trireme {
namespace {

constexpr size_t kMemoryLimit = size_t{1} << 30;

Image decode(const EncodedImage& encoded, int64_t channels) {
  if (encoded.path.empty()) return decode_image(encoded.bytes, encoded.name, channels);
  const std::vector<std::byte> bytes = read_bytes(encoded.path);
  return decode_image(bytes, encoded.name, channels);
}

// Channels, height and width that all images shall have.
Shape common_shape(const ImageList& list, const ReadRequest& request) {
  const DataConfig& c = request.config;
  if (c.channels != 0 && c.channels != 1 && c.channels != 3) {
    throw ConfigError(
        fmt::format("data.channels is {}; images are decoded to 1 (grey) or 3 (RGB)", c.channels));
  }
  Shape found = {c.channels, c.height, c.width};
  if (request.known && request.known->schema.image) {
    found = request.known->schema.input;
  } else if (c.channels == 0 || c.height == 0 || c.width == 0) {
    const Image first = decode(list.images.front(), c.channels);
    found = {first.channels, first.height, first.width};
  }
  return {c.channels > 0 ? c.channels : found[0], c.height > 0 ? c.height : found[1],
          c.width > 0 ? c.width : found[2]};
}

// Where nothing declares that all be grey, grey is what the first image happens to be.
Image decode_undeclared(const EncodedImage& encoded, const Shape& shape) {
  if (shape[0] != 1) return decode(encoded, shape[0]);
  Image image = decode(encoded, 0);
  if (image.channels != 1)
    throw DataError(
        fmt::format("{} is in colour, but the first image of the set is grey", encoded.name),
        "set data.channels = 3, or 1 to make all grey");
  return image;
}

void decode_to(const EncodedImage& encoded, const Shape& shape, const DataConfig& config,
               uint8_t* out) {
  Image image = config.channels > 0 ? decode(encoded, shape[0]) : decode_undeclared(encoded, shape);
  if (image.height != shape[1] || image.width != shape[2]) {
    if (!config.resize) {
      throw DataError(
          fmt::format("{} is {}x{} (height x width), but the images of this set are {}x{}",
                      encoded.name, image.height, image.width, shape[1], shape[2]),
          "set data.resize = true to resize them all, or data.height and data.width");
    }
    image = resize_bilinear(image, shape[1], shape[2]);
  }
  std::copy(image.pixels.begin(), image.pixels.end(), out);
}

}  // namespace

void decode_images(ImageList list, const ReadRequest& request, RawData& raw) {
  raw.samples = static_cast<int64_t>(list.images.size());
  raw.image = true;
  raw.shape = common_shape(list, request);
  for (const EncodedImage& image : list.images) raw.labels.push_back(image.label);
  const size_t size = static_cast<size_t>(raw.shape.elements());
  const auto decode_one = [list = std::make_shared<const ImageList>(std::move(list)),
                           shape = raw.shape, config = request.config](uint64_t id, uint8_t* out) {
    decode_to(list->images[id], shape, config, out);
  };  // shared: std::function copies its target
  if (static_cast<size_t>(raw.samples) * size > kMemoryLimit) {
    raw.decode = decode_one;
    return;
  }
  raw.bytes.resize(static_cast<size_t>(raw.samples) * size);
  parallel_for(raw.samples, [&](int64_t id) {
    decode_one(static_cast<uint64_t>(id), raw.bytes.data() + static_cast<size_t>(id) * size);
  });
}

}  // namespace trireme
