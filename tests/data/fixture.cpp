#include "data/fixture.h"

#include <fmt/format.h>

#include <libdeflate.h>
#include <png.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>

#include <jpeglib.h>

namespace trireme::test {

DataTest::DataTest() {
  const auto* info = testing::UnitTest::GetInstance()->current_test_info();
  folder_ = std::filesystem::temp_directory_path() /
            fmt::format("trireme_{}_{}{}", info->test_suite_name(), info->name(), getpid());
  std::filesystem::create_directories(folder_);
}

DataTest::~DataTest() { std::filesystem::remove_all(folder_); }

std::string DataTest::file(const std::string& name, const std::string& content) const {
  const Path path = folder_ / name;
  std::filesystem::create_directories(path.parent_path());
  std::ofstream(path, std::ios::binary) << content;
  return path.string();
}

DataConfig default_config(const std::string& reader) {
  DataConfig c{};
  c.reader = reader;
  c.delimiter = ",";
  c.header = true;
  c.label = "label";
  c.missing = "mean";
  c.ids_from = "hash";
  c.ids_min_count = c.ids_max = 1;
  c.in_memory = "auto";
  c.target = "class";
  c.normalize = "none";
  c.order = "full";
  c.block_size = 4;
  c.shuffle = true;
  return c;
}

std::string gzip(const std::string& content) {
  libdeflate_compressor* compressor = libdeflate_alloc_compressor(6);
  std::string packed(libdeflate_gzip_compress_bound(compressor, content.size()), '\0');
  packed.resize(libdeflate_gzip_compress(compressor, content.data(), content.size(), packed.data(),
                                         packed.size()));
  libdeflate_free_compressor(compressor);
  return packed;
}

std::string idx(const std::vector<uint32_t>& dims, const std::string& values) {
  std::string text{'\0', '\0', '\x08', static_cast<char>(dims.size())};
  for (uint32_t d : dims) {
    for (int shift = 24; shift >= 0; shift -= 8) text.push_back(static_cast<char>(d >> shift));
  }
  return text + values;
}

std::string npy(const std::string& descr, const std::string& shape, const std::string& values,
                int version, const std::string& fortran) {
  const std::string header =
      fmt::format("{{'descr': '{}', 'fortran_order': {}, 'shape': {}, }}\n", descr, fortran, shape);
  std::string text = "\x93NUMPY";
  text += {static_cast<char>(version), '\0', static_cast<char>(header.size()), '\0'};
  if (version > 1) text += std::string(2, '\0');
  return text + header + values;
}

std::string tar(const std::vector<std::pair<std::string, std::string>>& files) {
  std::string archive;
  for (const auto& [name, content] : files) {
    std::string header(512, '\0');
    header.replace(0, name.size(), name);
    char size[12];
    std::snprintf(size, sizeof size, "%011o", static_cast<unsigned>(content.size()));
    header.replace(124, 11, size);
    header.replace(148, 8, "        ");
    header[156] = '0';
    header.replace(257, 5, "ustar");
    unsigned sum = 0;
    for (char c : header) sum += static_cast<unsigned char>(c);
    char checksum[8];
    std::snprintf(checksum, sizeof checksum, "%06o", sum & 0777777);
    header.replace(148, 6, checksum);
    header[154] = '\0';
    archive += header + content + std::string((512 - content.size() % 512) % 512, '\0');
  }
  return archive + std::string(1024, '\0');
}

std::string png(int height, int width, int channels, const std::string& pixels) {
  png_image image{};
  image.version = PNG_IMAGE_VERSION;
  image.height = static_cast<png_uint_32>(height);
  image.width = static_cast<png_uint_32>(width);
  image.format = channels == 3 ? PNG_FORMAT_RGB : PNG_FORMAT_GRAY;
  png_alloc_size_t size = 1 << 20;
  std::string out(size, '\0');
  png_image_write_to_memory(&image, out.data(), &size, 0, pixels.data(), 0, nullptr);
  out.resize(size);
  return out;
}

std::string jpeg(int height, int width, int channels, const std::string& pixels) {
  jpeg_compress_struct info{};
  jpeg_error_mgr errors{};
  info.err = jpeg_std_error(&errors);
  jpeg_create_compress(&info);
  unsigned char* memory = nullptr;
  unsigned long size = 0;
  jpeg_mem_dest(&info, &memory, &size);
  info.image_width = static_cast<JDIMENSION>(width);
  info.image_height = static_cast<JDIMENSION>(height);
  info.input_components = channels;
  info.in_color_space = channels == 4 ? JCS_CMYK : channels == 3 ? JCS_RGB : JCS_GRAYSCALE;
  jpeg_set_defaults(&info);
  jpeg_set_quality(&info, 100, TRUE);
  jpeg_start_compress(&info, TRUE);
  while (info.next_scanline < info.image_height) {
    auto* row = reinterpret_cast<JSAMPLE*>(const_cast<char*>(pixels.data())) +
                info.next_scanline * static_cast<unsigned>(width * channels);
    jpeg_write_scanlines(&info, &row, 1);
  }
  jpeg_finish_compress(&info);
  jpeg_destroy_compress(&info);
  std::string out(reinterpret_cast<char*>(memory), size);
  std::free(memory);
  return out;
}

ReadSample read_sample(const DataSource& source, uint64_t id, bool augment, SampleKey key) {
  const Schema& schema = source.preprocessing().schema;
  ReadSample sample;
  sample.input.resize(static_cast<size_t>(schema.input.elements()));
  sample.ids.resize(static_cast<size_t>(schema.ids()), -2);
  sample.target.resize(static_cast<size_t>(schema.target_width));
  source.read(id, key, augment,
              {sample.input.data(), &sample.label, sample.target.data(), &sample.weight,
               sample.ids.data()});
  return sample;
}

std::string error_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const Error& e) {
    return e.hint().empty() ? e.what() : fmt::format("{} [{}]", e.what(), e.hint());
  }
  return "no error";
}

}  // namespace trireme::test
