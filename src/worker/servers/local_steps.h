#pragma once
// Steps that a worker of a parameter server takes by itself between two pushes (Dean et al.,
// "Large Scale Distributed Deep Networks", NIPS 2012: n_push, n_fetch). Between pushes its own copy
// of the weights moves by plain gradient steps; every n-th step it pushes the sum of the mean
// gradients and takes the servers' weights. Pushes are at clocks that n divides, for all workers.

#include <cstdint>
#include <vector>

#include "optim/optimizer.h"

namespace trireme {

class LocalSteps {
 public:
  // every: n; 1: no local steps, and nothing is allocated. start: steps done. Borrows kernels.
  LocalSteps(const KernelTable& kernels, const ParamTable& params, int64_t every, int64_t start);

  bool active() const { return every_ > 1; }
  // Whether the gradient of clock `clock` goes out with all since the last push.
  bool pushes(int64_t clock) const { return (clock + 1) % every_ == 0; }

  // sum += clamp(grad_scale gradient, clip_value), of the clock after the last one; nothing where
  // scalars.skip is set.
  void add(const float* gradient, const OptimizerScalars& scalars);
  // weights -= lr lr_scale clamp(grad_scale gradient), but for frozen parameters; likewise.
  void move(const float* gradient, const OptimizerScalars& scalars, float* weights) const;

  // What has been added up since the last push; null: no gradient that counts. The scalars for it:
  // those of the last step, with pushes instead of steps counted, and no scaling or clamping left.
  const float* sum() const { return counts_ ? sum_.data() : nullptr; }
  const OptimizerScalars& scalars() const { return scalars_; }
  int64_t until() const { return next_ - 1; }      // the last that it speaks for
  int64_t since() const { return since_; }         // the first clock that it speaks for
  bool pending() const { return next_ > since_; }  // there is such a clock
  void pushed();                                   // begins anew; the sum is used no more

 private:
  const KernelTable& kernels_;
  const Optimizer plain_;
  const OptimizerRules rules_;
  const int64_t every_, size_;
  std::vector<float> sum_;
  OptimizerScalars scalars_{};
  int64_t since_, next_;
  bool counts_ = false;
};

}  // namespace trireme
