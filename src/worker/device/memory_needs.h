#pragma once
// What a rank's steps will take of its device's memory, known before any of it is taken: a model
// that does not fit is refused at the start, with who needs what and which keys change it.

#include <span>
#include <string>
#include <vector>

#include "tensor/device.h"

namespace trireme {

struct MemoryNeed {
  std::string what;  // "activations"
  size_t bytes = 0;
  std::string keys;  // of the experiment that change it; may be empty
};

size_t total_of(std::span<const MemoryNeed> needs);
// For the log: "activations 1.5 GiB, weights 97 MiB", largest first; empty needs are left out.
std::string in_words(std::span<const MemoryNeed> needs);
// Throws DeviceError with the table where the device has less memory free than that.
void require(const Device& device, std::span<const MemoryNeed> needs);

}  // namespace trireme
