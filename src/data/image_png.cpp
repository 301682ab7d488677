#include <fmt/format.h>
#include <png.h>

#include <memory>

#include "base/error.h"
#include "data/image_decode.h"

namespace trireme {
namespace {

struct FreePng {
  void operator()(png_image* image) const { png_image_free(image); }
};

}  // namespace

Image decode_png(std::span<const std::byte> bytes, const std::string& name, int64_t channels) {
  png_image png{};
  png.version = PNG_IMAGE_VERSION;
  const std::unique_ptr<png_image, FreePng> owner(&png);
  const auto fail = [&] {
    throw DataError(fmt::format("{} is a damaged PNG: {}", name, png.message), kReplaceImage);
  };
  if (!png_image_begin_read_from_memory(&png, bytes.data(), bytes.size())) fail();
  const bool colour = channels == 3 || (channels == 0 && (png.format & PNG_FORMAT_FLAG_COLOR) != 0);
  png.format = colour ? PNG_FORMAT_RGB : PNG_FORMAT_GRAY;
  png.flags |=
      PNG_IMAGE_FLAG_16BIT_sRGB;  // 16-bit files are usually not linear, which libpng would assume
  check_size(png.height, png.width, name);
  Image image{png.height, png.width, colour ? 3 : 1, {}};
  image.pixels.resize(PNG_IMAGE_SIZE(png));
  const png_color black{0, 0, 0};
  if (!png_image_finish_read(&png, &black, image.pixels.data(), 0, nullptr)) fail();
  return image;
}

}  // namespace trireme
