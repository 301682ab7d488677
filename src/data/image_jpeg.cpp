#include <fmt/format.h>

#include <csetjmp>
#include <cstdio>
#include <memory>

#include <jerror.h>
#include <jpeglib.h>

#include "base/error.h"
#include "data/image_decode.h"

namespace trireme {
namespace {

struct FreeJpeg {
  void operator()(jpeg_decompress_struct* info) const { jpeg_destroy_decompress(info); }
};

// libjpeg reports through callbacks that must not return, and exceptions must not cross its C
// frames.
struct JpegErrors {
  jpeg_error_mgr manager;  // first: libjpeg knows it by address
  std::jmp_buf back;
  char message[JMSG_LENGTH_MAX];
};

[[noreturn]] void on_error(j_common_ptr info) {
  auto* errors = reinterpret_cast<JpegErrors*>(info->err);
  errors->manager.format_message(info, errors->message);
  std::longjmp(errors->back, 1);
}

// Warnings mean damaged data, filled with grey; only stray bytes between segments are harmless.
void on_message(j_common_ptr info, int level) {
  if (level < 0 && info->err->msg_code != JWRN_EXTRANEOUS_DATA) on_error(info);
}

// False: errors.message says why. Holds no object with a destructor, because longjmp skips those.
bool start(jpeg_decompress_struct& info, JpegErrors& errors, std::span<const std::byte> bytes,
           int64_t channels) {
  if (setjmp(errors.back)) return false;
  jpeg_create_decompress(&info);
  jpeg_mem_src(&info, reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size());
  jpeg_read_header(&info, TRUE);
  const bool grey = channels == 1 || (channels == 0 && info.num_components == 1);
  info.out_color_space = grey ? JCS_GRAYSCALE : JCS_RGB;
  jpeg_start_decompress(&info);
  return true;
}

bool read_rows(jpeg_decompress_struct& info, JpegErrors& errors, uint8_t* pixels, size_t row_size) {
  if (setjmp(errors.back)) return false;
  while (info.output_scanline < info.output_height) {
    JSAMPROW row = pixels + info.output_scanline * row_size;
    jpeg_read_scanlines(&info, &row, 1);
  }
  jpeg_finish_decompress(&info);
  return true;
}

}  // namespace

Image decode_jpeg(std::span<const std::byte> bytes, const std::string& name, int64_t channels) {
  JpegErrors errors{};
  jpeg_decompress_struct info{};
  info.err = jpeg_std_error(&errors.manager);
  errors.manager.error_exit = on_error;
  errors.manager.emit_message = on_message;
  const std::unique_ptr<jpeg_decompress_struct, FreeJpeg> owner(&info);
  Image image;
  bool good = start(info, errors, bytes, channels);
  if (good) {
    image.height = info.output_height;
    image.width = info.output_width;
    image.channels = info.output_components;
    check_size(image.height, image.width, name);
    image.pixels.resize(static_cast<size_t>(image.height * image.width * image.channels));
    good = read_rows(info, errors, image.pixels.data(),
                     static_cast<size_t>(image.width * image.channels));
  }
  const bool inks = info.jpeg_color_space == JCS_CMYK || info.jpeg_color_space == JCS_YCCK;
  if (!good && inks && errors.manager.msg_code == JERR_CONVERSION_NOTIMPL)
    throw DataError(fmt::format("{} is a JPEG of four inks (CMYK); grey and RGB are read", name),
                    "convert it to RGB");
  if (!good)
    throw DataError(fmt::format("{} is a damaged JPEG: {}", name, errors.message), kReplaceImage);
  return image;
}

}  // namespace trireme
