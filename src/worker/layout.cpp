#include "worker/layout.h"

#include <algorithm>

namespace trireme {
namespace {

// y[n,b,a] = x[n,a,b]
void swap_axes(int64_t n, int64_t a, int64_t b, const float* x, float* y) {
  for (int64_t i = 0; i < n; ++i)
    for (int64_t j = 0; j < a; ++j)
      for (int64_t k = 0; k < b; ++k) y[(i * b + k) * a + j] = x[(i * a + j) * b + k];
}

int64_t channels(const Shape& sample) { return sample.rank() == 3 ? sample[0] : 1; }

}  // namespace

void to_memory_order(const Shape& sample, int64_t n, const float* logical, float* memory) {
  swap_axes(n, channels(sample), sample.elements() / channels(sample), logical, memory);
}

void to_logical_order(const Shape& sample, int64_t n, const float* memory, float* logical) {
  swap_axes(n, sample.elements() / channels(sample), channels(sample), memory, logical);
}

HostTensor to_logical_batch(const Shape& sample, int64_t n, const float* memory) {
  HostTensor out = HostTensor::zeros(sample.with_batch(n));
  to_logical_order(sample, n, memory, out.floats().data());
  return out;
}

std::map<std::string, HostTensor> logical_tensors(const ParamTable& table, const float* flat) {
  std::map<std::string, HostTensor> tensors;
  for (const Slot& slot : table.slots()) {
    HostTensor tensor = HostTensor::zeros(slot.logical);
    to_logical(slot, flat + slot.offset, tensor.floats().data());
    tensors.emplace(slot.name, std::move(tensor));
  }
  return tensors;
}

}  // namespace trireme
