#include "ps/dense_store.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "ps/message.h"

namespace trireme::ps {

DenseStore::DenseStore(const KernelTable& kernels, const Optimizer& optimizer,
                       const ParamTable& params, const Placement& placement, int server,
                       bool average)
    : kernels_(kernels),
      optimizer_(optimizer),
      rules_(optimizer.rules(params)),
      placement_(placement),
      slot_(placement.blocks().size()) {
  int64_t elements = 0;
  for (int b : placement.blocks_of(server)) {
    slot_[static_cast<size_t>(b)] = offset_.size();
    offset_.push_back(elements);
    elements += placement.block(b).range.size();
  }
  version_.resize(offset_.size());
  const size_t bytes = static_cast<size_t>(elements) * sizeof(float);
  for (size_t i = 0; i <= optimizer.state().size(); ++i) buffers_.emplace_back(bytes);
  for (size_t i = 0; i < optimizer.state().size(); ++i)
    std::fill_n(buffers_[kFirstMoment + i].floats(), elements,
                optimizer.initial_state(static_cast<int>(i)));
  if (average) average_ = AlignedBuffer(bytes);
}

std::span<float> DenseStore::values(int block, uint32_t buffer) const {
  const AlignedBuffer* from = buffer == kAverage         ? &average_
                              : buffer < buffers_.size() ? &buffers_[buffer]
                                                         : nullptr;
  if (!from || from->size() == 0) return {};
  return {from->floats() + offset_[slot(block)],
          static_cast<size_t>(placement_.block(block).range.size())};
}

// The optimizer counts in the index space: buffers are given from where its first element would be.
void DenseStore::apply(int block, const float* gradient, const OptimizerScalars& scalars) {
  const Range range = placement_.block(block).range;
  const auto base = [&](uint32_t buffer) {
    const std::span<float> v = values(block, buffer);
    return v.empty() ? nullptr : v.data() - range.begin;
  };
  OptimizerBuffers buffers;
  buffers.grad = gradient - range.begin;
  buffers.weights = base(kWeights);
  for (uint32_t i = 0; i < optimizer_.state().size(); ++i)
    buffers.state[i] = base(kFirstMoment + i);
  buffers.ema = base(kAverage);
  const Status status =
      optimizer_.step(kernels_, rules_.on_host(), range, &scalars, buffers, nullptr);
  if (status != Status::ok)
    throw DeviceError(
        fmt::format("the optimizer's kernel failed at block {}, step {}", block, scalars.step));
  ++version_[slot(block)];
}

size_t DenseStore::bytes() const {
  size_t sum = average_.size();
  for (const AlignedBuffer& b : buffers_) sum += b.size();
  return sum;
}

}  // namespace trireme::ps
