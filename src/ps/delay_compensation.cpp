#include "ps/delay_compensation.h"

#include <algorithm>
#include <cmath>

namespace trireme::ps {

void compensate(std::span<const float> sum, double scale, double lambda, const float* w,
                const float* w_old, float* out) {
  const double factor = lambda * scale;
  for (size_t i = 0; i < sum.size(); ++i) {
    const double g = sum[i], moved = double{w[i]} - double{w_old[i]};
    const auto compensated = static_cast<float>(g + factor * g * g * moved);
    out[i] = moved != 0 && std::isfinite(compensated) ? compensated : sum[i];
  }
}

GivenWeights::GivenWeights(const Placement& placement, int server, int workers)
    : workers_(workers), slot_(placement.blocks().size()) {
  if (workers == 0) return;
  for (const int block : placement.blocks_of(server)) {
    slot_[static_cast<size_t>(block)] = offset_.size();
    offset_.push_back(elements_);
    elements_ += placement.block(block).range.size();
  }
  versions_.resize(static_cast<size_t>(workers) * offset_.size());
  weights_ = AlignedBuffer(static_cast<size_t>(workers * elements_) * sizeof(float));
}

void GivenWeights::give(int worker, int block, std::span<const float> weights, int64_t version) {
  versions_[at(worker, block)] = version;
  std::ranges::copy(weights, weights_.floats() + worker * elements_ + offset_[slot(block)]);
}

}  // namespace trireme::ps
