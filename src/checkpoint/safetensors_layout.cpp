#include "checkpoint/safetensors_layout.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "checkpoint/dtype_names.h"

namespace trireme {
namespace {

constexpr size_t kMaxHeader = 100'000'000;

// Widest elements first, so that every tensor starts at a multiple of its element size.
std::vector<TensorMeta> in_order(const Path& path, std::vector<TensorMeta> tensors) {
  std::sort(tensors.begin(), tensors.end(), [](const TensorMeta& a, const TensorMeta& b) {
    const size_t wide_a = size_of(a.dtype), wide_b = size_of(b.dtype);
    return wide_a != wide_b ? wide_a > wide_b : a.name < b.name;
  });
  std::vector<std::string> names;
  for (const TensorMeta& t : tensors) names.push_back(t.name);
  std::sort(names.begin(), names.end());
  const auto twice = std::adjacent_find(names.begin(), names.end());
  const auto reserved = std::find(names.begin(), names.end(), "__metadata__");
  if (twice != names.end() || reserved != names.end()) {
    throw FormatError(path.string() + ": cannot write tensor '" +
                          (twice != names.end() ? *twice + "' twice" : "__metadata__'"),
                      "tensor names must differ from each other and from __metadata__");
  }
  return tensors;
}

std::string header_of(const Path& path, const std::vector<TensorMeta>& tensors,
                      const std::map<std::string, std::string>& metadata) {
  nlohmann::ordered_json header = nlohmann::ordered_json::object();
  header["__metadata__"] = {{"format", "pt"}};
  for (const auto& [key, value] : metadata) header["__metadata__"][key] = value;
  uint64_t offset = 0;
  for (const TensorMeta& t : tensors) {
    auto& entry = header[t.name];
    entry["dtype"] = safetensors_name(t.dtype);
    entry["shape"] = nlohmann::ordered_json::array();
    for (const int64_t d : t.shape.dims()) entry["shape"].push_back(d);
    entry["data_offsets"] = {offset, offset + t.bytes()};
    offset += t.bytes();
  }
  std::string text;
  try {
    text = header.dump();
  } catch (const nlohmann::json::exception& e) {
    throw FormatError(path.string() + ": a tensor name or metadata value is not UTF-8",
                      "rename the tensor or the value");
  }
  text.resize(align_up(text.size(), 8), ' ');
  if (text.size() > kMaxHeader) {
    throw FormatError(path.string() + ": the header would take " + std::to_string(text.size()) +
                          " bytes, the format allows " + std::to_string(kMaxHeader),
                      "write fewer tensors per file: lower checkpoint.max_shard_mib");
  }
  return text;
}

}  // namespace

SafetensorsLayout::SafetensorsLayout(const Path& path, std::vector<TensorMeta> tensors,
                                     const std::map<std::string, std::string>& metadata)
    : tensors_(in_order(path, std::move(tensors))) {
  const std::string header = header_of(path, tensors_, metadata);
  for (size_t i = 0; i < sizeof(uint64_t); ++i)
    head_ += static_cast<char>(header.size() >> (8 * i) & 0xff);
  head_ += header;
}

uint64_t SafetensorsLayout::offset_of(const std::string& tensor) const {
  uint64_t offset = head_.size();
  for (auto t = tensors_.begin(); t->name != tensor; ++t) offset += t->bytes();
  return offset;
}

uint64_t SafetensorsLayout::bytes() const {
  uint64_t total = head_.size();
  for (const TensorMeta& t : tensors_) total += t.bytes();
  return total;
}

}  // namespace trireme
