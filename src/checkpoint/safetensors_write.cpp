#include <algorithm>
#include <array>
#include <memory>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "checkpoint/dtype_names.h"
#include "checkpoint/hashed_file.h"
#include "checkpoint/safetensors.h"

namespace trireme {
namespace {

constexpr size_t kMaxHeader = 100'000'000;

// Widest elements first, so that every tensor starts at a multiple of its element size.
std::vector<TensorMeta> layout(const Path& path, std::vector<TensorMeta> tensors) {
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

// Holds `tensors` for the streaming writer.
class MapSource : public StateSource {
 public:
  explicit MapSource(const std::map<std::string, HostTensor>& tensors) : tensors_(tensors) {
    for (const auto& [name, t] : tensors) list_.push_back({name, t.shape, t.dtype});
  }
  const std::vector<TensorMeta>& list() const override { return list_; }
  void read(const TensorMeta& tensor, std::span<std::byte> out) override {
    const auto& bytes = tensors_.at(tensor.name).bytes;
    if (bytes.size() != out.size()) {
      throw FormatError("tensor '" + tensor.name + "' of shape " + tensor.shape.str() + " has " +
                            std::to_string(bytes.size()) + " bytes, not " +
                            std::to_string(out.size()),
                        "shape, dtype and contents must agree");
    }
    std::copy(bytes.begin(), bytes.end(), out.begin());
  }

 private:
  const std::map<std::string, HostTensor>& tensors_;
  std::vector<TensorMeta> list_;
};

}  // namespace

WrittenFile write_safetensors(const Path& path, const std::vector<TensorMeta>& tensors,
                              StateSource& source,
                              const std::map<std::string, std::string>& metadata) {
  const std::vector<TensorMeta> sorted = layout(path, tensors);
  const std::string header = header_of(path, sorted, metadata);
  std::array<std::byte, 8> length{};
  for (size_t i = 0; i < 8; ++i) length[i] = static_cast<std::byte>(header.size() >> (8 * i));

  size_t largest = 0;
  for (const TensorMeta& t : sorted) largest = std::max(largest, t.bytes());
  const auto staging = std::make_unique_for_overwrite<std::byte[]>(largest);

  HashedFile file(path);
  file.write(length);
  file.write(header);
  for (const TensorMeta& t : sorted) {
    const std::span<std::byte> bytes(staging.get(), t.bytes());
    source.read(t, bytes);
    file.write(bytes);
  }
  return file.finish();
}

void write_tensors(const Path& path, const std::map<std::string, HostTensor>& tensors,
                   const std::map<std::string, std::string>& metadata) {
  MapSource source(tensors);
  write_safetensors(path, source.list(), source, metadata);
}

}  // namespace trireme
