#pragma once
// The learning rate as a pure function of the step.

#include <cstdint>

#include "config/experiment.h"

namespace trireme {

class Schedule {
 public:
  // total_steps: of the whole run, for polynomial and cosine when schedule.total is 0.
  // Throws ConfigError for an unknown name or unit, and where polynomial or cosine have no length.
  Schedule(const ScheduleConfig& config, double base_lr, double steps_per_epoch,
           double total_steps);
  // step counts applied updates from 0. Linear warm-up first, then the schedule as
  // torch.optim.lr_scheduler defines it, its time measured from the end of the warm-up for cosine
  // and polynomial, from 0 otherwise. With u = steps of one unit (1, or an epoch's), w = warmup u,
  // T = total u - w, b = base_lr, e = end_factor:
  //   step < w:     b (warmup_start + (1 - warmup_start) step / w)
  //   step:         b gamma^floor(step / (step_size u))
  //   multi_step:   b gamma^(number of milestones m with m u <= step)
  //   exponential:  b gamma^floor(step / u)
  //   polynomial:   b (e + (1 - e) (1 - min(1, (step - w) / T))^power)
  //   cosine:       b (e + (1 - e) (1 + cos(pi min(1, (step - w) / T))) / 2)
  double lr(int64_t step) const;

 private:
  double factor(double step) const;    // after the warm-up
  double progress(double step) const;  // 0..1 from the end of the warm-up to total

  ScheduleConfig config_;
  double base_, per_unit_, total_;
};

}  // namespace trireme
