#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <map>
#include <set>

#include "base/sha256.h"
#include "checkpoint/checkpoint.h"
#include "checkpoint/dtype_names.h"
#include "checkpoint/element.h"

namespace trireme {
namespace {

using Contents = std::vector<std::byte>;

Contents contents_of(const CheckpointReader& reader, const TensorMeta& tensor) {
  Contents bytes(tensor.bytes());
  reader.read(tensor, bytes);
  return bytes;
}

// |a - b| for two elements whose bits differ. Only one NaN counts as infinitely far; equal
// infinities, two NaNs and +-0 are 0 apart.
double distance(double a, double b) {
  if (a == b || (std::isnan(a) && std::isnan(b))) return 0;
  const double d = std::abs(a - b);
  return std::isnan(d) ? std::numeric_limits<double>::infinity() : d;
}

TensorDifference compare_values(const TensorMeta& t, const Contents& a, const Contents& b) {
  TensorDifference d{t.name, "values", 0, 0, 0, t.shape.elements()};
  if (a == b) return d;
  const size_t width = size_of(t.dtype);
  for (size_t at = 0; at < a.size(); at += width) {
    if (std::memcmp(&a[at], &b[at], width) == 0) continue;
    ++d.differing;
    const double x = element_value(t.dtype, &a[at]), y = element_value(t.dtype, &b[at]);
    const double apart = distance(x, y);
    const double scale = std::max(std::abs(x), std::abs(y));
    d.max_absolute = std::max(d.max_absolute, apart);
    if (apart > 0) {
      const double relative = std::isfinite(apart) && scale > 0 ? apart / scale : apart;
      d.max_relative = std::max(d.max_relative, relative);
    }
  }
  return d;
}

}  // namespace

std::vector<TensorDifference> diff_checkpoints(const Path& a, const Path& b) {
  const CheckpointReader left(a, /*verify=*/false), right(b, /*verify=*/false);
  std::set<std::string> names;
  for (const auto& [t, file] : left.manifest().tensors) names.insert(t.name);
  for (const auto& [t, file] : right.manifest().tensors) names.insert(t.name);

  std::vector<TensorDifference> found;
  for (const std::string& name : names) {
    const TensorMeta* x = left.find(name);
    const TensorMeta* y = right.find(name);
    if (!x || !y) {
      const int64_t n = (x ? x : y)->shape.elements();
      found.push_back({name, x ? "only in A" : "only in B", 0, 0, n, n});
    } else if (x->shape != y->shape || x->dtype != y->dtype) {
      const int64_t n = x->shape.elements();
      found.push_back({name, "shape", 0, 0, n, n});
    } else {
      TensorDifference d = compare_values(*x, contents_of(left, *x), contents_of(right, *y));
      if (d.differing > 0) found.push_back(std::move(d));
    }
  }
  return found;
}

std::string weights_hash(const CheckpointReader& checkpoint) {
  std::map<std::string, const TensorMeta*> model;
  for (const auto& [t, file] : checkpoint.manifest().tensors) {
    const bool row =
        t.name.starts_with("table.") && (t.name.ends_with(".keys") || t.name.ends_with(".rows"));
    if (row || t.name.starts_with("model.")) model[t.name] = &t;
  }
  Sha256 hash;
  for (const auto& [name, t] : model) {
    hash.update(name + " " + std::string(safetensors_name(t->dtype)) + " " + t->shape.str() + "\n");
    hash.update(contents_of(checkpoint, *t));
  }
  return hash.finish().hex();
}

}  // namespace trireme
