#pragma once
// What a checkpoint holds, free of the world size: logical tensors by name plus the run's state.

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/file.h"
#include "tensor/buffer.h"

namespace trireme {

struct TensorMeta {
  std::string name;  // "model.conv1.weight", "optimizer.exp_avg.conv1.weight",
                     // "state.bn1.running_mean", "ema.conv1.weight"
  Shape shape;       // logical
  DType dtype = DType::f32;
  size_t bytes() const { return static_cast<size_t>(shape.elements()) * size_of(dtype); }
};

// Streams tensors out. Called from the writing thread.
class StateSource {
 public:
  virtual ~StateSource() = default;
  // Takes a copy of what training goes on to change. Before list() and read(), once.
  virtual void capture() {}
  virtual const std::vector<TensorMeta>& list() const = 0;
  // The whole tensor in logical order.
  virtual void read(const TensorMeta& tensor, std::span<std::byte> out) = 0;
  // Likewise, where it lies in memory in that order anyway, as long as this object; empty: it does
  // not, and has to be read.
  virtual std::span<const std::byte> in_place(const TensorMeta&) const { return {}; }
};

struct RunState {
  int64_t step = 0;     // steps done (batches consumed)
  int64_t updates = 0;  // updates applied (skipped steps excluded)
  int64_t samples = 0;
  uint64_t epoch = 0;  // cursor: next position to read
  int64_t position = 0;
  uint64_t seed = 0;
  double best_metric = 0;
  int64_t best_step = -1;
  int64_t evaluations_without_improvement = 0;
  double elapsed_seconds = 0;
  std::string config;         // resolved experiment, INI
  std::string preprocessing;  // Preprocessing as JSON
  std::string params_hash, graph_hash, data_fingerprint;
  std::string cpu_level;  // numerics: what bit-identity depends on
  std::string onednn_version;
  int64_t virtual_shards = 0;
  bool reproducible = true;
  uint32_t generation = 0;  // how often the run was resumed: messages of an earlier one are void
};

}  // namespace trireme
