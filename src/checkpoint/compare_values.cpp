#include "checkpoint/compare_values.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "checkpoint/element.h"

namespace trireme {
namespace {

double distance(double a, double b) {
  if (a == b || (std::isnan(a) && std::isnan(b))) return 0;
  const double d = std::abs(a - b);
  return std::isnan(d) ? std::numeric_limits<double>::infinity() : d;
}

}  // namespace

void compare_values(DType dtype, std::span<const std::byte> a, std::span<const std::byte> b,
                    TensorDifference& difference) {
  const size_t width = size_of(dtype);
  difference.elements += static_cast<int64_t>(a.size() / width);
  if (a.empty() || std::memcmp(a.data(), b.data(), a.size()) == 0) return;
  for (size_t at = 0; at < a.size(); at += width) {
    if (std::memcmp(&a[at], &b[at], width) == 0) continue;
    ++difference.differing;
    const double x = element_value(dtype, &a[at]), y = element_value(dtype, &b[at]);
    const double apart = distance(x, y);
    const double scale = std::max(std::abs(x), std::abs(y));
    difference.max_absolute = std::max(difference.max_absolute, apart);
    if (apart > 0) {
      const double relative = std::isfinite(apart) && scale > 0 ? apart / scale : apart;
      difference.max_relative = std::max(difference.max_relative, relative);
    }
  }
}

}  // namespace trireme
