#pragma once
// Late gradients, brought nearer to what they would be at the present weights: DC-ASGD with a
// constant lambda (Zheng et al., ICML 2017, arXiv:1609.08326, equation 10). The mean gradient g of
// a worker that computed it with w_old becomes
//
//   g + lambda g g (w - w_old)
//
// where w are the server's weights when it comes. The square of g stands for the diagonal of the
// Hessian. Needs what the server last gave each worker.

#include <cstdint>
#include <span>
#include <vector>

#include "ps/placement.h"
#include "tensor/buffer.h"

namespace trireme::ps {

// out = sum + lambda scale sum^2 (w - w_old)   where scale sum is the mean gradient; the same
// divisor applies to `out`. In fp64, rounded once. An element whose weight has not moved stays as
// it is, bit for bit, and so does one that would not be finite. All of sum.size(); out may be sum.
void compensate(std::span<const float> sum, double scale, double lambda, const float* w,
                const float* w_old, float* out);

// The weights that each worker has, of one server's blocks.
class GivenWeights {
 public:
  // workers: 0 where nothing is to be kept. Zeros at first.
  GivenWeights(const Placement& placement, int server, int workers);
  bool keeps() const { return workers_ > 0; }
  int workers() const { return workers_; }
  size_t bytes() const { return weights_.size(); }
  // The block's weights after `version` updates are what the worker computes with from now on.
  void give(int worker, int block, std::span<const float> weights, int64_t version);
  int64_t version(int worker, int block) const { return versions_[at(worker, block)]; }
  const float* weights(int worker, int block) const {
    return weights_.floats() + worker * elements_ + offset_[slot(block)];
  }

 private:
  size_t slot(int block) const { return slot_[static_cast<size_t>(block)]; }
  size_t at(int worker, int block) const {
    return static_cast<size_t>(worker) * offset_.size() + slot(block);
  }

  const int workers_;
  int64_t elements_ = 0;         // of all blocks of the server
  std::vector<size_t> slot_;     // by block: its place among the server's
  std::vector<int64_t> offset_;  // by slot
  std::vector<int64_t> versions_;
  AlignedBuffer weights_;
};

}  // namespace trireme::ps
