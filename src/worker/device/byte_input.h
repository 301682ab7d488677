#pragma once
// Inputs that reach a device as bytes: a quarter of the way's traffic, and of a slot's memory. They
// are normalised there, with the bits of Normalizer (data/normalizer.h), into one buffer that steps
// use one after the other.

#include "data/source.h"
#include "tensor/device.h"

namespace trireme {

class ByteInput {
 public:
  // samples: the most of any leaf. The device must outlive this.
  ByteInput(const Device& device, const Preprocessing& preprocessing, int64_t samples);
  static size_t device_bytes(const Schema& schema, int64_t samples);

  // On the stream: the inputs of so many samples, which lie as bytes in device memory.
  void normalise(const std::byte* bytes, int64_t samples, const DeviceStream& stream) const;
  std::byte* normalised() const { return input_.data(); }

 private:
  const Device& device_;
  const int64_t elements_, channels_;
  DeviceBuffer mean_, inverse_std_, input_;
};

}  // namespace trireme
