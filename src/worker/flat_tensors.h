#pragma once
// Logical tensors that lie in flat buffers: their names and shapes for a checkpoint, and where each
// of them is.

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "checkpoint/state.h"
#include "tensor/param_table.h"

namespace trireme {

// The slot's logical tensor where it is stored; empty where it is stored in another order.
std::span<const std::byte> logical_in_place(const Slot& slot, const float* stored);

class FlatTensors {
 public:
  // The next buffer, laid out as `table`, which must outlive this; tensor names are prefix + slot
  // name. Returns the buffer's index.
  size_t add(const std::string& prefix, const ParamTable& table);
  const std::vector<TensorMeta>& list() const { return list_; }
  struct Place {
    const Slot* slot;
    size_t buffer;
  };
  Place find(const std::string& name) const;  // FormatError where there is none

 private:
  std::vector<Place> places_;  // of list_
  std::vector<TensorMeta> list_;
  size_t buffers_ = 0;
};

}  // namespace trireme
