#pragma once
// Inputs that reach a device as bytes, a quarter of the traffic, and are normalised there with the
// bits of Normalizer (data/normalizer.h).

#include "data/source.h"
#include "tensor/device.h"

namespace trireme {

class ByteInput {
 public:
  // The device must outlive this.
  ByteInput(const Device& device, const Preprocessing& preprocessing);

  // On the stream: from the bytes of so many samples to fp32, both in device memory.
  void normalise(const std::byte* bytes, int64_t samples, float* input,
                 const DeviceStream& stream) const;

 private:
  const Device& device_;
  const int64_t elements_, channels_;
  DeviceBuffer mean_, inverse_std_;
};

}  // namespace trireme
