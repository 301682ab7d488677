#include "checkpoint/shape_json.h"

#include <algorithm>
#include <limits>
#include <vector>

namespace trireme {

Shape shape_of(const JsonFields& fields, const char* key) {
  const nlohmann::json& dims = fields.array(key);
  if (dims.size() > Shape::kMaxRank) {
    fields.fail(key, "has " + std::to_string(dims.size()) + " axes, the limit is " +
                         std::to_string(Shape::kMaxRank));
  }
  std::vector<int64_t> extents;
  for (const nlohmann::json& d : dims) {
    if (!d.is_number_unsigned() ||
        d.get<uint64_t>() > uint64_t{std::numeric_limits<int64_t>::max()}) {
      fields.fail(key, "has the extent " + d.dump() + ", not an integer >= 0");
    }
    extents.push_back(d.get<int64_t>());
  }
  return Shape(extents);
}

uint64_t checked_bytes(const JsonFields& fields, const char* key, const Shape& shape, DType dtype) {
  uint64_t bytes = size_of(dtype);
  bool overflow = false;
  bool empty = false;
  for (const int64_t d : shape.dims()) {
    empty |= d == 0;
    // A zero extent must not hide what the others multiply to, in whatever order they come.
    overflow |=
        __builtin_mul_overflow(bytes, static_cast<uint64_t>(std::max<int64_t>(d, 1)), &bytes);
  }
  if (overflow || bytes > (uint64_t{1} << 62)) fields.fail(key, "overflows: " + shape.str());
  return empty ? 0 : bytes;
}

}  // namespace trireme
