#include "checkpoint/parts.h"

#include <cstdio>
#include <map>
#include <set>

#include "base/error.h"
#include "base/text.h"

namespace trireme {
namespace {

constexpr std::string_view kPart = ".part-", kOf = "-of-";
constexpr size_t kDigits = 5;

struct Whole {
  TensorMeta meta;
  int parts = 1;
  std::set<int> seen = {};
};

// Whether the next part of a tensor may have this shape: but for the first axis, that of the
// others.
bool goes_with(const TensorMeta& part, const TensorMeta& whole) {
  if (part.dtype != whole.dtype || part.shape.rank() != whole.shape.rank()) return false;
  for (int axis = 1; axis < part.shape.rank(); ++axis)
    if (part.shape[axis] != whole.shape[axis]) return false;
  return true;
}

constexpr int64_t kMostRows = int64_t{1} << 62;

Shape longer_by(const Shape& shape, int64_t more) {
  std::vector<int64_t> extents(shape.dims().begin(), shape.dims().end());
  extents.front() += more;
  return Shape(std::span<const int64_t>(extents));
}

}  // namespace

std::string part_name(const std::string& tensor, int part, int parts) {
  if (parts == 1) return tensor;
  char text[48];
  std::snprintf(text, sizeof text, ".part-%05d-of-%05d", part + 1, parts);
  return tensor + text;
}

PartName parse_part(const std::string& name) {
  constexpr size_t kLength = kPart.size() + kDigits + kOf.size() + kDigits;
  if (name.size() <= kLength) return {name};
  const size_t at = name.size() - kLength;
  const std::string_view numbers = std::string_view(name).substr(at + kPart.size());
  const auto part = parse_int(numbers.substr(0, kDigits));
  const auto parts = parse_int(numbers.substr(kDigits + kOf.size()));
  if (!part || !parts || *part < 1 || *parts < 2 || *part > *parts) return {name};
  const PartName parsed{name.substr(0, at), static_cast<int>(*part) - 1, static_cast<int>(*parts)};
  return part_name(parsed.tensor, parsed.part, parsed.parts) == name ? parsed : PartName{name};
}

std::vector<TensorMeta> whole_tensors(const Manifest& manifest, const Path& file) {
  std::map<std::string, Whole> wholes;
  const auto fail = [&file](const std::string& what) {
    throw FormatError(
        file.string() + ": " + what,
        "use another checkpoint of the run; `trireme ckpt verify` lists every problem");
  };
  for (const auto& [meta, holder] : manifest.tensors) {
    const PartName name = parse_part(meta.name);
    const auto [at, is_first] =
        wholes.try_emplace(name.tensor, Whole{{name.tensor, meta.shape, meta.dtype}, name.parts});
    Whole& whole = at->second;
    const bool in_parts = name.parts > 1;
    if (in_parts && meta.shape.rank() == 0)
      fail("'" + meta.name + "' is a part of a single number");
    if (whole.parts != name.parts || !whole.seen.insert(name.part).second ||
        (!is_first && !goes_with(meta, whole.meta)))
      fail("tensor '" + meta.name + "' does not go with the other parts of '" + name.tensor + "'");
    if (is_first) continue;
    if (meta.shape[0] > kMostRows - whole.meta.shape[0]) fail("'" + name.tensor + "' is too long");
    whole.meta.shape = longer_by(whole.meta.shape, meta.shape[0]);
  }
  std::vector<TensorMeta> tensors;
  for (auto& [name, whole] : wholes) {
    if (static_cast<int>(whole.seen.size()) != whole.parts)
      fail("of tensor '" + name + "' " + std::to_string(whole.seen.size()) +
           " parts are there, of " + std::to_string(whole.parts));
    tensors.push_back(std::move(whole.meta));
  }
  return tensors;
}

}  // namespace trireme
