#include "data/npy_file.h"

#include <fmt/format.h>

#include <cmath>
#include <cstring>
#include <optional>

#include "base/error.h"
#include "base/text.h"
#include "data/files.h"

namespace trireme {
namespace {

constexpr const char* kSaveHint =
    "save it with numpy.save(path, numpy.ascontiguousarray(x.astype('float32'))), labels as "
    "'int64'";

// The text after 'key': in the header's dictionary.
std::string_view value_of(std::string_view header, std::string_view key, const std::string& name) {
  const size_t at = header.find(fmt::format("'{}':", key));
  if (at == std::string_view::npos)
    throw DataError(fmt::format("{}: the npy header has no '{}'", name, key), kSaveHint);
  return trim(header.substr(at + key.size() + 3));
}

DType parse_dtype(std::string_view header, const std::string& name) {
  const std::string_view text = value_of(header, "descr", name);
  const size_t end = text.find('\'', 1);
  const std::string_view descr = end == std::string_view::npos ? text : text.substr(1, end - 1);
  if (descr == "<f4") return DType::f32;
  if (descr == "<f8") return DType::f64;
  if (descr == "|u1") return DType::u8;
  if (descr == "<i4") return DType::i32;
  if (descr == "<i8") return DType::i64;
  throw DataError(
      fmt::format("{} has values of type '{}'; read are <f4, <f8, |u1, <i4 and <i8", name, descr),
      kSaveHint);
}

Shape parse_shape(std::string_view header, const std::string& name) {
  const std::string_view text = value_of(header, "shape", name);
  const size_t close = text.find(')');
  if (text.empty() || text[0] != '(' || close == std::string_view::npos) {
    throw DataError(fmt::format("{}: the npy header has no shape in parentheses", name), kSaveHint);
  }
  std::vector<int64_t> dims;
  for (const std::string& part : split(text.substr(1, close - 1), ',')) {
    if (trim(part).empty()) continue;
    const auto dim = parse_int(trim(part));
    if (!dim || *dim < 0)
      throw DataError(fmt::format("{}: the npy header has the extent '{}'", name, part), kSaveHint);
    dims.push_back(*dim);
  }
  if (dims.size() > Shape::kMaxRank) {
    throw DataError(fmt::format("{} has {} dimensions; at most {} are read", name, dims.size(),
                                Shape::kMaxRank),
                    "reshape it: features are N,F or N,H,W or N,C,H,W");
  }
  return Shape(std::span<const int64_t>(dims));
}

// nullopt: more than can be counted.
std::optional<size_t> bytes_of(const Shape& shape, DType dtype) {
  size_t bytes = size_of(dtype);
  for (const int64_t dim : shape.dims())
    if (__builtin_mul_overflow(bytes, static_cast<size_t>(dim), &bytes)) return std::nullopt;
  return bytes;
}

template <class T>
T load(const NpyFile& file, int64_t i) {
  T value;
  std::memcpy(&value, file.content.data() + file.offset + static_cast<size_t>(i) * sizeof(T),
              sizeof(T));
  return value;
}

// Calls use(T{}) with the file's type.
template <class Use>
auto with_type(DType dtype, Use use) {
  switch (dtype) {
    case DType::f64:
      return use(double{});
    case DType::u8:
      return use(uint8_t{});
    case DType::i32:
      return use(int32_t{});
    case DType::i64:
      return use(int64_t{});
    default:
      return use(float{});
  }
}

}  // namespace

NpyFile read_npy_file(const Path& path) {
  NpyFile file;
  file.name = path.string();
  file.content = read_maybe_gzip(path);
  const std::string& c = file.content;
  if (c.size() < 10 || c.compare(0, 6, "\x93NUMPY") != 0) {
    throw DataError(
        fmt::format("{} is not an npy file: it does not start with \\x93NUMPY", file.name),
        kSaveHint);
  }
  const int version = static_cast<uint8_t>(c[6]);
  if (version < 1 || version > 3) {
    throw DataError(fmt::format("{} has npy version {}; 1 to 3 are read", file.name, version),
                    kSaveHint);
  }
  const size_t prefix = version == 1 ? 10 : 12;
  size_t length = 0;
  for (size_t i = prefix; i-- > 8;)
    length = length << 8 | (i < c.size() ? static_cast<uint8_t>(c[i]) : 0);
  if (c.size() < prefix || c.size() - prefix < length) {
    throw DataError(fmt::format("{} ends at offset {}, inside of its header", file.name, c.size()),
                    kCopyAgain);
  }
  const std::string_view header = std::string_view(c).substr(prefix, length);
  file.offset = prefix + length;
  file.dtype = parse_dtype(header, file.name);
  if (!value_of(header, "fortran_order", file.name).starts_with("False")) {
    throw DataError(fmt::format("{} is in Fortran order; only C order is read", file.name),
                    kSaveHint);
  }
  file.shape = parse_shape(header, file.name);
  const size_t bytes = c.size() - file.offset;
  const auto expected = bytes_of(file.shape, file.dtype);
  if (expected != bytes) {
    throw DataError(fmt::format("{} has {} bytes of values, but its header says {} ({} of {})",
                                file.name, bytes, expected ? std::to_string(*expected) : "far more",
                                file.shape.str(), name_of(file.dtype)),
                    kCopyAgain);
  }
  return file;
}

double NpyFile::number(int64_t i) const {
  return with_type(dtype,
                   [&](auto type) { return static_cast<double>(load<decltype(type)>(*this, i)); });
}

int64_t NpyFile::integer(int64_t i) const {
  if (dtype == DType::f32 || dtype == DType::f64) {
    throw DataError(
        fmt::format("{} has labels of type {}; classes are integers", name, name_of(dtype)),
        "save them as int64, or set data.target = value");
  }
  return with_type(dtype,
                   [&](auto type) { return static_cast<int64_t>(load<decltype(type)>(*this, i)); });
}

std::vector<float> NpyFile::floats(int64_t per_sample) const {
  std::vector<float> values(static_cast<size_t>(shape.elements()));
  with_type(dtype, [&](auto type) {
    for (size_t i = 0; i < values.size(); ++i) {
      values[i] = static_cast<float>(load<decltype(type)>(*this, static_cast<int64_t>(i)));
    }
  });
  for (size_t i = 0; i < values.size(); ++i) {
    if (std::isfinite(values[i])) continue;
    throw DataError(fmt::format("{}: sample {} holds {}, which is not a finite number", name,
                                static_cast<int64_t>(i) / per_sample, values[i]),
                    "correct or remove the sample");
  }
  return values;
}

}  // namespace trireme
