#pragma once
// What one leaf looks up in one embedding table, on a device. Rows and where each is read lie in
// one pinned buffer and go over in one copy; the rows' gradients come back in another. Where things
// lie does not depend on what is looked up, so that recorded kernels find them.

#include <cstdint>
#include <span>

#include "kernels/row_runs.h"
#include "tensor/device.h"

namespace trireme {

class DeviceRows {
 public:
  // positions: the most that a leaf looks up. The device must outlive this.
  DeviceRows(const Device& device, int64_t positions, int64_t dim);
  // Of device memory.
  static size_t device_bytes(int64_t positions, int64_t dim);

  // Host memory for the rows of the leaf's numbers, by number; to be filled before upload(), when
  // what was uploaded last has arrived.
  float* rows() const { return reinterpret_cast<float*>(host_.data() + rows_at_); }
  // index: by position, the number of its key; -1: none. present: by number, whether it has a row.
  void upload(std::span<const int32_t> index, std::span<const uint8_t> present,
              const DeviceStream& stream);
  // For kernels: its pointers never change.
  const TableLeaf& leaf() const { return leaf_; }

  // On the stream, before backward: gradients are added to.
  void clear(const DeviceStream& stream) const;
  // Behind it: the gradients of so many numbers. gradients() has them when that has happened.
  void download(int64_t numbers, const DeviceStream& stream) const;
  const float* gradients() const { return host_gradients_.floats(); }

 private:
  int32_t* words(size_t at) const { return reinterpret_cast<int32_t*>(host_.data() + at); }

  const Device& device_;
  const int64_t dim_;
  const RowRunLayout layout_;
  const size_t row_of_at_, runs_at_, rows_at_;  // bytes; the index comes first
  DeviceBuffer host_, given_;                   // pinned, and its copy on the device
  DeviceBuffer gradients_, partials_, host_gradients_;
  RowRunBuilder builder_;
  TableLeaf leaf_;
};

}  // namespace trireme
