// IDX, the format of MNIST (http://yann.lecun.com/exdb/mnist): big-endian header, then unsigned
// bytes.

#include <fmt/format.h>

#include <array>
#include <cstring>

#include "base/error.h"
#include "data/files.h"

namespace trireme {
namespace {

constexpr std::array<std::string_view, 3> kExtensions{".idx", "-ubyte", "-ubyte.gz"};

struct IdxFile {
  std::vector<int64_t> dims;
  std::string content;
  size_t offset = 0;  // of the values
};

uint32_t big_endian(const std::string& content, size_t offset) {
  uint32_t value = 0;
  for (size_t i = 0; i < 4; ++i) value = value << 8 | static_cast<uint8_t>(content[offset + i]);
  return value;
}

// `rank`: 3 for images (N,H,W), 1 for labels.
IdxFile read_file(const Path& path, int rank, const char* what) {
  IdxFile file;
  file.content = read_maybe_gzip(path);
  const std::string& c = file.content;
  const std::string name = path.string();
  if (c.size() < 4 || c[0] != 0 || c[1] != 0) {
    throw DataError(
        fmt::format("{} is not an IDX file: it does not start with two zero bytes", name),
        kCopyAgain);
  }
  if (c[2] != 0x08) {
    throw DataError(
        fmt::format("{} holds values of type 0x{:02x}; only unsigned bytes (0x08) are read", name,
                    static_cast<uint8_t>(c[2])),
        "write unsigned bytes, or use reader = npy");
  }
  if (c[3] != rank) {
    throw DataError(
        fmt::format("{} has {} dimensions, but {} have {}", name, static_cast<uint8_t>(c[3]), what,
                    rank),
        "images and labels may be swapped: data.train is images, data.train_labels is labels");
  }
  file.offset = 4 + 4 * static_cast<size_t>(rank);
  if (c.size() < file.offset)
    throw DataError(fmt::format("{} ends at offset {}, inside of its header", name, c.size()),
                    kCopyAgain);
  uint64_t expected = 1;
  for (size_t d = 0; d < static_cast<size_t>(rank); ++d) {
    file.dims.push_back(big_endian(c, 4 + 4 * d));
    if (__builtin_mul_overflow(expected, static_cast<uint64_t>(file.dims.back()), &expected))
      expected = ~uint64_t{0};
  }
  if (c.size() - file.offset != expected) {
    throw DataError(fmt::format("{} has {} bytes of values, but its header says {} ({})", name,
                                c.size() - file.offset, expected, fmt::join(file.dims, "x")),
                    kCopyAgain);
  }
  return file;
}

void append_pair(RawData& raw, const Path& image_path, const Path& label_path) {
  const IdxFile images = read_file(image_path, 3, "images");
  const IdxFile labels = read_file(label_path, 1, "labels");
  if (images.dims[0] != labels.dims[0]) {
    throw DataError(fmt::format("{} has {} images, but {} has {} labels", image_path.string(),
                                images.dims[0], label_path.string(), labels.dims[0]),
                    "are the files in the same order in data.train and data.train_labels?");
  }
  const Shape shape{1, images.dims[1], images.dims[2]};
  if (raw.samples > 0 && shape != raw.shape) {
    throw DataError(fmt::format("{} has images of {}, but the files before have {}",
                                image_path.string(), shape.str(), raw.shape.str()),
                    "give files of one size");
  }
  raw.shape = shape;
  raw.samples += images.dims[0];
  const auto* pixels = reinterpret_cast<const uint8_t*>(images.content.data());
  raw.bytes.insert(raw.bytes.end(), pixels + images.offset, pixels + images.content.size());
  for (size_t i = labels.offset; i < labels.content.size(); ++i) {
    raw.labels.push_back(static_cast<uint8_t>(labels.content[i]));
  }
}

}  // namespace

RawData read_idx(const ReadRequest& request) {
  const auto images = expand_files(request.files, kExtensions);
  const auto labels = expand_files(request.label_files, kExtensions);
  if (images.size() != labels.size()) {
    throw DataError(
        fmt::format("{} files of images, but {} files of labels", images.size(), labels.size()),
        "give one file in data.train_labels (validation_labels) for each in data.train "
        "(validation)");
  }
  RawData raw;
  raw.image = true;
  for (size_t i = 0; i < images.size(); ++i) append_pair(raw, images[i], labels[i]);
  raw.files = named_by_file(images);
  for (NamedFile& file : named_by_file(labels)) raw.files.push_back(std::move(file));
  return raw;
}

}  // namespace trireme
