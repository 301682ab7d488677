#pragma once
// JPEG and PNG to 8-bit pixels, and resizing.

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace trireme {

struct Image {
  int64_t height = 0, width = 0, channels = 0;
  std::vector<uint8_t> pixels;  // H,W,C
};

// What to do with an image that is damaged.
inline constexpr const char* kReplaceImage = "replace the file, or remove it from the data";

// Throws DataError when an image claims more than 2^28 pixels: damage, or nothing to train on.
void check_size(int64_t height, int64_t width, const std::string& name);

// `channels`: 1 (grey), 3 (RGB) or 0 (as the file has; alpha is dropped over black). `name` is for
// messages. Throws DataError with the library's message when the bytes are damaged or of another
// format.
Image decode_image(std::span<const std::byte> bytes, const std::string& name, int64_t channels);
Image decode_jpeg(std::span<const std::byte> bytes, const std::string& name, int64_t channels);
Image decode_png(std::span<const std::byte> bytes, const std::string& name, int64_t channels);

// Bilinear between pixel centres, without smoothing first (torch.nn.functional.interpolate with
// align_corners=False); rounded to nearest.
Image resize_bilinear(const Image& image, int64_t height, int64_t width);

}  // namespace trireme
