#pragma once
// The arithmetic of a run: which positions of which epoch each step takes. Pure.

#include <cstdint>

#include "config/experiment.h"
#include "worker/exchange/exchange.h"

namespace trireme {

class Steps {
 public:
  // samples: of the training split. Throws ConfigError when drop_last leaves nothing.
  Steps(const TrainConfig& train, bool drop_last, int64_t samples);
  int64_t per_epoch() const { return per_epoch_; }
  int64_t total() const { return total_; }
  StepPlan at(int64_t step) const;
  double epoch_of(int64_t steps_done) const;  // fractional passes
  // Steps between events that happen every `epochs` passes; 0: never.
  int64_t interval(double epochs) const;
  // Batch sizes that occur: the full one, and the last of an epoch where it is smaller (else 0).
  int64_t full_batch() const;
  int64_t last_batch() const;

 private:
  int64_t batch_, samples_, per_epoch_, total_;
};

}  // namespace trireme
