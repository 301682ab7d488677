#include "worker/device/byte_input.h"

#include <fmt/format.h>

#include <vector>

#include "base/error.h"
#include "data/normalizer.h"
#include "kernels/kernel_table.h"

namespace trireme {
namespace {

DeviceBuffer copy_of(const Device& device, const std::vector<float>& values) {
  const size_t bytes = values.size() * sizeof(float);
  DeviceBuffer copy = device.allocate(bytes, Memory::device, "the constants of normalisation");
  const DeviceStream stream = device.stream();
  device.copy(copy.data(), values.data(), bytes, stream);
  device.synchronise(stream);  // the values may go
  return copy;
}

}  // namespace

// Channels are innermost: of an image H,W,C, of a table its columns.
ByteInput::ByteInput(const Device& device, const Preprocessing& preprocessing)
    : device_(device),
      elements_(preprocessing.schema.input.elements()),
      channels_(preprocessing.schema.input[0]) {
  const ChannelConstants constants = channel_constants(preprocessing.normalization, channels_);
  mean_ = copy_of(device, constants.mean);
  inverse_std_ = copy_of(device, constants.inverse_std);
}

void ByteInput::normalise(const std::byte* bytes, int64_t samples, float* input,
                          const DeviceStream& stream) const {
  const Status status = device_.kernels().normalise_bytes(
      stream.get(), samples * elements_, channels_, reinterpret_cast<const uint8_t*>(bytes),
      mean_.floats(), inverse_std_.floats(), input);
  if (status != Status::ok)
    throw DeviceError(fmt::format("{}: normalising the batch failed with status {}", device_.name(),
                                  static_cast<int>(status)));
}

}  // namespace trireme
