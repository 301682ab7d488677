#pragma once
// One index space for all parameters of a graph. Masters, gradients, moments and averages are flat
// buffers over the same indices, so a gradient bucket, an optimizer shard and a checkpoint extent
// are all the same thing: a Range.

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/sha256.h"
#include "tensor/shape.h"

namespace trireme {

constexpr int64_t kChunk =
    4096;  // ranges are cut at multiples of this; partial norms are per chunk
constexpr int64_t kSlotAlign = 64;  // elements; gaps between slots are zero and stay zero

struct Range {
  int64_t begin = 0, end = 0;
  int64_t size() const { return end - begin; }
  friend bool operator==(const Range&, const Range&) = default;
};

// How initial values are drawn; `gain` and fans as in torch.nn.init.
enum class Init : uint8_t {
  zeros,
  ones,
  constant,
  uniform,
  normal,
  kaiming_uniform,
  kaiming_normal,
  xavier_uniform,
  xavier_normal,
  truncated_normal
};
struct Initializer {
  Init kind = Init::zeros;
  // uniform: low, high; normal, truncated_normal (cut at -2 and 2): mean, deviation; constant: a;
  // kaiming_*: a = negative slope, b = 1 takes fan_out for fan_in; xavier_*: a = gain, 0 means 1.
  double a = 0, b = 0;
};

// A named piece of the index space. `stored` is the order in memory: view the logical tensor as
// `view`, then permute its axes by `permutation` (stored axis k is view axis permutation[k]).
// The identity when `permutation` is empty.
struct Slot {
  std::string name;  // "conv1.weight"
  Shape logical;     // what PyTorch users see: O,I,H,W and out,in
  Shape view;        // same elements as `logical`
  std::vector<int> permutation;
  int64_t offset = 0, count = 0;  // elements; offset % kSlotAlign == 0
  Initializer init;
  int64_t fan_in = 0, fan_out = 0;
  float lr_scale = 1, decay_scale = 1;
  bool decays = true;  // false for biases and normalisation parameters (the usual exclusions)
  bool trainable = true;
};

// Immutable after construction; depends on the graph alone (reverse order of first use).
class ParamTable {
 public:
  ParamTable() = default;
  explicit ParamTable(std::vector<Slot> slots);  // assigns offsets in the order given
  std::span<const Slot> slots() const { return slots_; }
  const Slot* find(std::string_view name) const;  // nullptr: none
  int64_t size() const { return size_; }          // elements, a multiple of kSlotAlign
  int64_t chunks() const { return (size_ + kChunk - 1) / kChunk; }
  Range chunk_range(int64_t first,
                    int64_t last) const;  // chunks [first, last) as elements, cut at size()
  Digest hash() const;                    // of names, shapes, permutations, offsets, scales

 private:
  std::vector<Slot> slots_;
  int64_t size_ = 0;
};

// stored <- logical and back, `count` floats each. `stored` and `logical` must not overlap.
void to_stored(const Slot& slot, const float* logical, float* stored);
void to_logical(const Slot& slot, const float* stored, float* logical);

// Writes slot's initial values in LOGICAL order: element i depends on (seed, slot.name, i) alone.
void initialise(const Slot& slot, uint64_t seed, float* logical);

}  // namespace trireme
