#pragma once
// A copy of flat buffers, given out as logical tensors: what a checkpoint's writer streams from.

#include <string>
#include <vector>

#include "checkpoint/state.h"
#include "tensor/param_table.h"

namespace trireme {

class FlatState final : public StateSource {
 public:
  // The tables given to add() must outlive this.
  FlatState() = default;
  // Copies table.size() floats; tensor names are prefix + slot name.
  void add(const std::string& prefix, const ParamTable& table, const float* flat);
  const std::vector<TensorMeta>& list() const override { return list_; }
  void read(const TensorMeta& tensor, std::span<std::byte> out) override;

 private:
  struct Entry {
    std::string name;
    const Slot* slot;
    size_t buffer;
  };

  std::vector<AlignedBuffer> buffers_;
  std::vector<Entry> entries_;
  std::vector<TensorMeta> list_;
};

}  // namespace trireme
