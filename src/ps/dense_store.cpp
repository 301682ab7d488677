#include "ps/dense_store.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "ps/block_copy.h"
#include "ps/message.h"

namespace trireme::ps {
namespace {
constexpr int64_t kLeastChunks = 8;  // that are worth waking a thread
}

DenseStore::DenseStore(const KernelTable& kernels, const Optimizer& optimizer,
                       const ParamTable& params, const Placement& placement, int server,
                       bool average, float* weights, const Spread& spread)
    : kernels_(kernels),
      optimizer_(optimizer),
      rules_(optimizer.rules(params)),
      placement_(placement),
      spread_(spread),
      slot_(placement.blocks().size()) {
  int64_t elements = 0;
  for (int b : placement.blocks_of(server)) {
    slot_[static_cast<size_t>(b)] = offset_.size();
    offset_.push_back(elements);
    elements += placement.block(b).range.size();
  }
  version_.resize(offset_.size());
  const size_t bytes = static_cast<size_t>(elements) * sizeof(float);
  if (!weights) own_weights_ = AlignedBuffer(bytes);
  weights_ = weights ? weights : own_weights_.floats();
  for (size_t i = 0; i < optimizer.state().size(); ++i) {
    moments_.emplace_back(bytes);
    std::fill_n(moments_[i].floats(), elements, optimizer.initial_state(static_cast<int>(i)));
  }
  if (average) average_ = AlignedBuffer(bytes);
}

std::span<float> DenseStore::values(int block, uint32_t buffer) const {
  float* from = nullptr;
  if (buffer == kWeights)
    from = weights_;
  else if (buffer == kAverage)
    from = average_.floats();
  else if (buffer - kFirstMoment < moments_.size())
    from = moments_[buffer - kFirstMoment].floats();
  if (!from) return {};
  return {from + offset_[slot(block)], static_cast<size_t>(placement_.block(block).range.size())};
}

// The optimizer counts in the index space: buffers are given from where its first element would be.
void DenseStore::apply(int block, const float* gradient, const OptimizerScalars& scalars) {
  if (watcher_) watcher_->keep(block);
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
  const int64_t chunks = (range.size() + kChunk - 1) / kChunk;
  spread_(chunks / kLeastChunks, [&](int part, int parts) {
    const PartOf mine(chunks, part, parts);
    const Range of_mine{range.begin + mine.begin * kChunk,
                        std::min(range.begin + mine.end * kChunk, range.end)};
    if (optimizer_.step(kernels_, rules_.on_host(), of_mine, &scalars, buffers, nullptr) !=
        Status::ok)
      throw DeviceError(
          fmt::format("the optimizer's kernel failed at block {}, step {}", block, scalars.step));
  });
  ++version_[slot(block)];
}

size_t DenseStore::bytes() const {
  size_t sum = own_weights_.size() + average_.size();
  for (const AlignedBuffer& b : moments_) sum += b.size();
  return sum;
}

}  // namespace trireme::ps
