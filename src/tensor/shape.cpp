#include "tensor/shape.h"

#include "base/error.h"

namespace trireme {
namespace {

std::string join(std::span<const int64_t> dims) {
  std::string text;
  for (int64_t d : dims) {
    if (!text.empty()) text += 'x';
    text += std::to_string(d);
  }
  return text.empty() ? "scalar" : text;
}

}  // namespace

Shape::Shape(std::span<const int64_t> dims) {
  if (dims.size() > static_cast<size_t>(kMaxRank)) {
    throw ShapeError("shape " + join(dims) + " has " + std::to_string(dims.size()) +
                         " extents, at most " + std::to_string(kMaxRank) + " are possible",
                     "flatten some of the axes");
  }
  for (int64_t d : dims) {
    if (d < 0) {
      throw ShapeError("shape " + join(dims) + " has the extent " + std::to_string(d),
                       "extents are 0 or more");
    }
    dims_[static_cast<size_t>(rank_++)] = d;
  }
}

int64_t Shape::elements() const {
  constexpr int64_t kLimit = int64_t{1} << 62;
  int64_t n = 1;
  for (int64_t d : dims()) {
    if (d == 0) return 0;
  }
  for (int64_t d : dims()) {
    if (n > kLimit / d) {
      throw ShapeError("shape " + str() + " has more than 2^62 elements", "check its extents");
    }
    n *= d;
  }
  return n;
}

std::string Shape::str() const { return join(dims()); }

Shape Shape::with_batch(int64_t n) const {
  std::array<int64_t, kMaxRank + 1> all{n};
  for (int i = 0; i < rank_; ++i) all[static_cast<size_t>(i) + 1] = (*this)[i];
  return Shape(std::span<const int64_t>(all.data(), static_cast<size_t>(rank_) + 1));
}

}  // namespace trireme
