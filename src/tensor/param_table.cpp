#include "tensor/param_table.h"

#include <algorithm>
#include <cstddef>
#include <unordered_set>

#include "base/error.h"

namespace trireme {
namespace {

// Elements of all slots: their bytes can be counted, those of the optimizer's state included.
constexpr int64_t kMostElements = int64_t{1} << 56;

// `permutation` is empty, or names every axis of `view` once.
void check(const Slot& slot) {
  const int64_t logical = slot.logical.elements(), view = slot.view.elements();
  if (logical != view) {
    throw ShapeError("parameter " + slot.name + ": its shape " + slot.logical.str() + " has " +
                     std::to_string(logical) + " elements, its view " + slot.view.str() + " has " +
                     std::to_string(view));
  }
  if (slot.permutation.empty()) return;
  std::vector<int> sorted = slot.permutation;
  std::sort(sorted.begin(), sorted.end());
  bool whole = static_cast<int>(sorted.size()) == slot.view.rank();
  for (size_t i = 0; whole && i < sorted.size(); ++i) whole = sorted[i] == static_cast<int>(i);
  if (!whole) {
    throw ShapeError("parameter " + slot.name + ": its permutation does not name each of the " +
                     std::to_string(slot.view.rank()) + " axes of " + slot.view.str() + " once");
  }
}

void put(Sha256& sha, int64_t value) { sha.update(std::to_string(value) + ","); }

void put(Sha256& sha, const Shape& shape) { sha.update(shape.str() + ";"); }

void put(Sha256& sha, float value) { sha.update(std::as_bytes(std::span<const float>(&value, 1))); }

}  // namespace

ParamTable::ParamTable(std::vector<Slot> slots) : slots_(std::move(slots)) {
  std::unordered_set<std::string_view> names;
  for (Slot& slot : slots_) {
    if (slot.view.rank() == 0 && slot.logical.rank() > 0) slot.view = slot.logical;
    check(slot);
    if (!names.insert(slot.name).second) {
      throw ConfigError("two parameters are called " + slot.name, "rename one of the layers");
    }
    slot.offset = size_;
    slot.count = slot.logical.elements();
    if (slot.count > kMostElements - kSlotAlign - size_)
      throw ShapeError("parameter " + slot.name + " is " + slot.logical.str() +
                           ": the model has more than 2^56 parameters",
                       "make its layers smaller");
    size_ += (slot.count + kSlotAlign - 1) / kSlotAlign * kSlotAlign;
  }
}

const Slot* ParamTable::find(std::string_view name) const {
  const auto it = std::find_if(slots_.begin(), slots_.end(),
                               [&](const Slot& slot) { return slot.name == name; });
  return it == slots_.end() ? nullptr : &*it;
}

Range ParamTable::chunk_range(int64_t first, int64_t last) const {
  return {std::min(first * kChunk, size_), std::min(last * kChunk, size_)};
}

Digest ParamTable::hash() const {
  Sha256 sha;
  for (const Slot& slot : slots_) {
    put(sha, static_cast<int64_t>(slot.name.size()));
    sha.update(slot.name);
    put(sha, slot.logical);
    put(sha, slot.view);
    for (int axis : slot.permutation) put(sha, int64_t{axis});
    put(sha, slot.offset);
    put(sha, slot.lr_scale);
    put(sha, slot.decay_scale);
    put(sha, int64_t{slot.decays} * 2 + int64_t{slot.trainable});
  }
  return sha.finish();
}

}  // namespace trireme
