#include "worker/verify/compare.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <vector>

#include "checkpoint/checkpoint.h"
#include "checkpoint/element.h"

namespace trireme {
namespace {

// max |a| over the tensor.
double largest_value(const CheckpointReader& checkpoint, const std::string& name) {
  const TensorMeta& tensor = *checkpoint.find(name);
  std::vector<std::byte> bytes(tensor.bytes());
  checkpoint.read(tensor, bytes);
  double largest = 0;
  for (size_t at = 0; at < bytes.size(); at += size_of(tensor.dtype))
    largest = std::max(largest, std::abs(element_value(tensor.dtype, &bytes[at])));
  return largest;
}

// What differs between two places in a run; empty: nothing.
std::string compare_places(const RunState& a, const RunState& b, const Bound& bound) {
  const auto pair = [](const char* what, const auto& x, const auto& y) {
    return x == y ? std::string() : fmt::format("DIFFERS: {} {}, reference {}", what, y, x);
  };
  for (const std::string& text :
       {pair("steps", a.step, b.step), pair("updates", a.updates, b.updates),
        pair("samples", a.samples, b.samples), pair("epoch", a.epoch, b.epoch),
        pair("position in the epoch", a.position, b.position)})
    if (!text.empty()) return text;
  const double x = a.best_metric, y = b.best_metric;
  const bool same = std::bit_cast<uint64_t>(x) == std::bit_cast<uint64_t>(y);
  if (same || std::abs(x - y) <= bound.relative * std::abs(x)) return {};
  return fmt::format("DIFFERS: train.monitor is {}, reference {}", y, x);
}

bool within(const TensorDifference& d, const CheckpointReader& a, const Bound& bound) {
  if (bound.relative <= 0 || d.kind != "values") return false;
  return d.max_absolute <= bound.relative * largest_value(a, d.name);
}

std::string describe(const TensorDifference& d) {
  if (d.kind == "values") return fmt::format("max |a-b| = {:.3g} in {}", d.max_absolute, d.name);
  return fmt::format("{}: {}", d.name, d.kind);
}

// The largest first; tensors that cannot be compared before all.
bool is_worse(const TensorDifference& a, const TensorDifference& b) {
  const bool values_a = a.kind == "values", values_b = b.kind == "values";
  if (values_a != values_b) return values_b;
  return a.max_absolute > b.max_absolute;
}

}  // namespace

std::string Bound::str() const {
  if (relative <= 0) return "bit for bit";
  return fmt::format("to {:g} of each tensor's largest value", relative);
}

Comparison compare_checkpoints(const Path& a, const Path& b, const Bound& bound) {
  const CheckpointReader reference(a, /*verify=*/true), other(b, /*verify=*/true);
  auto differences = diff_checkpoints(a, b);
  std::stable_sort(differences.begin(), differences.end(), is_worse);
  const auto outside = std::stable_partition(
      differences.begin(), differences.end(),
      [&](const TensorDifference& d) { return !within(d, reference, bound); });
  const auto count = outside - differences.begin();
  if (count > 0)
    return {false, fmt::format("DIFFERS: {}{}", describe(differences.front()),
                               count > 1 ? fmt::format(" ({} tensors differ)", count) : "")};
  const std::string places =
      compare_places(reference.manifest().state, other.manifest().state, bound);
  if (!places.empty()) return {false, places};
  if (differences.empty()) return {true, "equal"};
  return {true, "within: " + describe(differences.front())};
}

}  // namespace trireme
