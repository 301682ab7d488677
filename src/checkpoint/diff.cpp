#include <algorithm>
#include <map>
#include <set>

#include "base/sha256.h"
#include "checkpoint/compare_tables.h"
#include "checkpoint/compare_values.h"
#include "checkpoint/dtype_names.h"

namespace trireme {
namespace {

// Differences of the tables that both have; the names of their tensors go to `compared`.
std::vector<TensorDifference> compare_all_tables(const CheckpointReader& left,
                                                 const CheckpointReader& right,
                                                 std::vector<std::string>& compared) {
  std::vector<TensorDifference> found;
  const auto others = stored_tables(right);
  for (const StoredTable& table : stored_tables(left)) {
    const auto other = std::ranges::find(others, table.name, &StoredTable::name);
    if (other == others.end()) continue;
    for (TensorDifference& d : compare_tables(table, *other, compared))
      found.push_back(std::move(d));
  }
  return found;
}

}  // namespace

std::vector<TensorDifference> diff_checkpoints(const Path& a, const Path& b) {
  const CheckpointReader left(a, /*verify=*/false), right(b, /*verify=*/false);
  std::vector<std::string> compared;
  std::vector<TensorDifference> found = compare_all_tables(left, right, compared);
  std::set<std::string> names;
  for (const auto& [t, file] : left.manifest().tensors) names.insert(t.name);
  for (const auto& [t, file] : right.manifest().tensors) names.insert(t.name);
  for (const std::string& name : compared) names.erase(name);

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
      TensorDifference d{name, "values", 0, 0, 0, 0};
      compare_values(x->dtype, left.data(*x), right.data(*y), d);
      if (d.differing > 0) found.push_back(std::move(d));
    }
  }
  std::ranges::sort(found, {}, &TensorDifference::name);
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
    hash.update(checkpoint.data(*t));
  }
  return hash.finish().hex();
}

}  // namespace trireme
