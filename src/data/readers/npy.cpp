// NumPy arrays: features N,F or N,H,W or N,C,H,W, and labels or targets with N rows.

#include <fmt/format.h>

#include <array>

#include "base/error.h"
#include "data/files.h"
#include "data/layout.h"
#include "data/npy_file.h"

namespace trireme {
namespace {

constexpr std::array<std::string_view, 1> kExtensions{".npy"};

Shape sample_shape(const NpyFile& file) {
  const Shape& s = file.shape;
  switch (s.rank()) {
    case 1:
      return {1};
    case 2:
      return {s[1]};
    case 3:
      return {1, s[1], s[2]};
    case 4:
      return {s[1], s[2], s[3]};
    default:
      break;
  }
  throw DataError(fmt::format("{} is {}; features are N,F or N,H,W or N,C,H,W", file.name, s.str()),
                  "reshape it");
}

// Keeps bytes as bytes; if a later file has another type, everything becomes floats.
void append_features(RawData& raw, const NpyFile& file) {
  const bool first = raw.samples == 0;
  const Shape shape = sample_shape(file);
  if (!first && shape != raw.shape) {
    throw DataError(fmt::format("{} has samples of {}, but the files before have {}", file.name,
                                shape.str(), raw.shape.str()),
                    "give files of one shape");
  }
  raw.shape = shape;
  raw.image = shape.rank() == 3;
  raw.samples += file.shape[0];
  if (file.dtype == DType::u8 && raw.floats.empty()) {
    const auto* values = reinterpret_cast<const uint8_t*>(file.content.data());
    raw.bytes.insert(raw.bytes.end(), values + file.offset, values + file.content.size());
    return;
  }
  const std::vector<float> values = file.floats(shape.elements());
  raw.floats.insert(raw.floats.end(), raw.bytes.begin(), raw.bytes.end());
  raw.bytes.clear();
  raw.floats.insert(raw.floats.end(), values.begin(), values.end());
}

void append_labels(RawData& raw, const NpyFile& file, const std::string& target) {
  if (target != "value") {
    if (file.shape.rank() != 1) {
      throw DataError(
          fmt::format("{} is {}; class labels have one dimension", file.name, file.shape.str()),
          "save N integers, or set data.target = value");
    }
    for (int64_t i = 0; i < file.shape[0]; ++i) raw.labels.push_back(file.integer(i));
    return;
  }
  if (file.shape.rank() > 2) {
    throw DataError(fmt::format("{} is {}; targets are N or N,T", file.name, file.shape.str()),
                    "reshape it");
  }
  const int64_t width = file.shape.rank() == 2 ? file.shape[1] : 1;
  if (!raw.targets.empty() && width != raw.target_width) {
    throw DataError(fmt::format("{} has {} targets a sample, but the files before have {}",
                                file.name, width, raw.target_width),
                    "give files of one shape");
  }
  raw.target_width = width;
  const std::vector<float> values = file.floats(width);
  raw.targets.insert(raw.targets.end(), values.begin(), values.end());
}

}  // namespace

RawData read_npy(const ReadRequest& request) {
  const auto features = expand_files(request.files, kExtensions);
  const auto labels = expand_files(request.label_files, kExtensions);
  if (features.size() != labels.size()) {
    throw DataError(
        fmt::format("{} files of features, but {} files of labels", features.size(), labels.size()),
        "give one file in data.train_labels (validation_labels) for each in data.train "
        "(validation)");
  }
  RawData raw;
  for (size_t i = 0; i < features.size(); ++i) {
    const NpyFile x = read_npy_file(features[i]), y = read_npy_file(labels[i]);
    const int64_t rows = y.shape.rank() == 0 ? 1 : y.shape[0];
    if (x.shape.rank() == 0 || x.shape[0] != rows) {
      throw DataError(fmt::format("{} has {} samples, but {} has {} labels", x.name,
                                  x.shape.rank() == 0 ? 1 : x.shape[0], y.name, rows),
                      "are the files in the same order in data.train and data.train_labels?");
    }
    append_features(raw, x);
    append_labels(raw, y, request.config.target);
  }
  if (raw.image) {
    channels_last(raw.bytes, raw.shape);
    channels_last(raw.floats, raw.shape);
  }
  raw.files = named_by_file(features);
  for (NamedFile& file : named_by_file(labels)) raw.files.push_back(std::move(file));
  return raw;
}

}  // namespace trireme
