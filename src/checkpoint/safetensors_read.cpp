#include <algorithm>
#include <tuple>
#include <unordered_map>

#include "base/error.h"
#include "checkpoint/dtype_names.h"
#include "checkpoint/safetensors.h"
#include "checkpoint/shape_json.h"
#include "checkpoint/strict_json.h"

namespace trireme {
namespace {

using nlohmann::json;
constexpr uint64_t kPrefix = 8;
constexpr uint64_t kMaxHeader = 100'000'000;
const char* const kDamaged = "the file is damaged, truncated or not safetensors; use another copy";

[[noreturn]] void fail(const Path& file, const std::string& what) {
  throw FormatError(file.string() + ": " + what, kDamaged);
}

struct Entry {
  TensorMeta meta;
  uint64_t begin = 0, end = 0;
};

// The JSON header's text; checks length prefix against limit and file size.
std::string_view header_text(const Path& file, std::span<const std::byte> bytes) {
  if (bytes.size() < kPrefix) {
    fail(file, "byte 0: the file has " + std::to_string(bytes.size()) +
                   " bytes, too few for the 8-byte header length");
  }
  uint64_t length = 0;
  for (size_t i = 0; i < kPrefix; ++i) length |= std::to_integer<uint64_t>(bytes[i]) << (8 * i);
  if (length > kMaxHeader || length < 2) {
    fail(file, "byte 0: header length " + std::to_string(length) + " is not within 2.." +
                   std::to_string(kMaxHeader));
  }
  if (length > bytes.size() - kPrefix) {
    fail(file, "byte 0: header length " + std::to_string(length) + " reaches past the end of the " +
                   std::to_string(bytes.size()) + "-byte file");
  }
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()) + kPrefix, length);
  if (text.front() != '{') fail(file, "byte 8: the header does not start with '{'");
  return text;
}

Entry read_entry(const Path& file, const std::string& name, const json& value, uint64_t data_size) {
  const JsonFields fields(value, file, "tensor '" + name + "'");
  const std::string& spelled = fields.text("dtype");
  const auto dtype = from_safetensors_name(spelled);
  if (!dtype) fields.fail("dtype", "is '" + spelled + "', which is not supported");
  Entry e{{name, shape_of(fields, "shape"), *dtype}, 0, 0};
  const json& offsets = fields.array("data_offsets");
  if (offsets.size() != 2 || !offsets[0].is_number_unsigned() || !offsets[1].is_number_unsigned()) {
    fields.fail("data_offsets", "is not two integers >= 0");
  }
  e.begin = offsets[0].get<uint64_t>();
  e.end = offsets[1].get<uint64_t>();
  if (e.begin > e.end || e.end > data_size) {
    fields.fail("data_offsets", "is [" + std::to_string(e.begin) + ", " + std::to_string(e.end) +
                                    "], outside the " + std::to_string(data_size) +
                                    " bytes of data");
  }
  const uint64_t need = checked_bytes(fields, "shape", e.meta.shape, *dtype);
  if (need != e.end - e.begin) {
    fields.fail("data_offsets", "spans " + std::to_string(e.end - e.begin) + " bytes; shape " +
                                    e.meta.shape.str() + " of " + spelled + " needs " +
                                    std::to_string(need));
  }
  return e;
}

// Data must be covered exactly: no overlap, no hole, nothing behind.
void check_cover(const Path& file, const std::vector<Entry>& entries, uint64_t data_start,
                 uint64_t data_size) {
  uint64_t at = 0;
  for (const Entry& e : entries) {
    if (e.begin != at) {
      fail(file, "byte " + std::to_string(data_start + std::min(at, e.begin)) + ": tensor '" +
                     e.meta.name + "' " +
                     (e.begin < at ? "overlaps the one before" : "leaves a hole"));
    }
    at = e.end;
  }
  if (at != data_size) {
    fail(file, "byte " + std::to_string(data_start + at) + ": " + std::to_string(data_size - at) +
                   " bytes that belong to no tensor");
  }
}

}  // namespace

struct SafetensorsReader::Impl {
  explicit Impl(const Path& path) : file(path), map(path) { parse(); }
  void parse();

  Path file;
  MappedFile map;
  std::vector<TensorMeta> metas;
  std::vector<std::span<const std::byte>> spans;  // of metas, in the same order
  std::unordered_map<std::string_view, size_t> index;
  std::map<std::string, std::string> metadata;
};

void SafetensorsReader::Impl::parse() {
  const auto bytes = map.bytes();
  const std::string_view text = header_text(file, bytes);
  const uint64_t start = kPrefix + text.size(), size = bytes.size() - start;
  const json header = parse_strict(text, file, kPrefix);
  std::vector<Entry> entries;
  for (const auto& [name, value] : header.items()) {
    if (name != "__metadata__") {
      entries.push_back(read_entry(file, name, value, size));
      continue;
    }
    const JsonFields fields(value, file, name);
    for (const auto& [key, unused] : value.items()) metadata[key] = fields.text(key.c_str());
  }
  std::sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) {
    return std::tie(a.begin, a.end, a.meta.name) < std::tie(b.begin, b.end, b.meta.name);
  });
  check_cover(file, entries, start, size);
  for (Entry& e : entries) {
    spans.push_back(bytes.subspan(start + e.begin, e.end - e.begin));
    metas.push_back(std::move(e.meta));
  }
  for (size_t i = 0; i < metas.size(); ++i) index[metas[i].name] = i;
}

SafetensorsReader::SafetensorsReader(const Path& path) : impl_(std::make_unique<Impl>(path)) {}
SafetensorsReader::~SafetensorsReader() = default;
const std::vector<TensorMeta>& SafetensorsReader::tensors() const { return impl_->metas; }
const std::map<std::string, std::string>& SafetensorsReader::metadata() const {
  return impl_->metadata;
}

const TensorMeta* SafetensorsReader::find(std::string_view name) const {
  const auto it = impl_->index.find(name);
  return it == impl_->index.end() ? nullptr : &impl_->metas[it->second];
}

std::span<const std::byte> SafetensorsReader::data(const TensorMeta& tensor) const {
  const auto it = impl_->index.find(tensor.name);
  if (it == impl_->index.end()) fail(impl_->file, "there is no tensor '" + tensor.name + "'");
  return impl_->spans[it->second];
}

HostTensor SafetensorsReader::tensor(const std::string& name) const {
  const TensorMeta* meta = find(name);
  if (!meta) fail(impl_->file, "there is no tensor '" + name + "'");
  const auto bytes = data(*meta);
  return {meta->shape, meta->dtype, {bytes.begin(), bytes.end()}};
}

}  // namespace trireme
