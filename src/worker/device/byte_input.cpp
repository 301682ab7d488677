#include "worker/device/byte_input.h"

#include <fmt/format.h>

#include <vector>

#include "base/error.h"
#include "data/normalizer.h"
#include "kernels/kernel_table.h"

namespace trireme {
namespace {

// Innermost extent: of an image H,W,C, of a table its columns. As RawData::channels().
int64_t innermost(const Schema& schema) { return schema.input[0]; }

DeviceBuffer copy_of(const Device& device, const std::vector<float>& values) {
  const size_t bytes = values.size() * sizeof(float);
  DeviceBuffer copy = device.allocate(bytes, Memory::device, "the constants of normalisation");
  const DeviceStream stream = device.stream();
  device.copy(copy.data(), values.data(), bytes, stream);
  device.synchronise(stream);  // the values may go
  return copy;
}

}  // namespace

ByteInput::ByteInput(const Device& device, const Preprocessing& preprocessing, int64_t samples)
    : device_(device),
      elements_(preprocessing.schema.input.elements()),
      channels_(innermost(preprocessing.schema)),
      input_(device.allocate(static_cast<size_t>(samples * elements_) * sizeof(float),
                             Memory::device, "the batch")) {
  const ChannelConstants constants = channel_constants(preprocessing.normalization, channels_);
  mean_ = copy_of(device, constants.mean);
  inverse_std_ = copy_of(device, constants.inverse_std);
}

size_t ByteInput::device_bytes(const Schema& schema, int64_t samples) {
  return static_cast<size_t>(samples * schema.input.elements() + 2 * innermost(schema)) *
         sizeof(float);
}

void ByteInput::normalise(const std::byte* bytes, int64_t samples,
                          const DeviceStream& stream) const {
  const Status status = device_.kernels().normalise_bytes(
      stream.get(), samples * elements_, channels_, reinterpret_cast<const uint8_t*>(bytes),
      mean_.floats(), inverse_std_.floats(), input_.floats());
  if (status != Status::ok)
    throw DeviceError(fmt::format("{}: normalising the batch failed with status {}", device_.name(),
                                  static_cast<int>(status)));
}

}  // namespace trireme
