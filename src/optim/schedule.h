#pragma once
// The learning rate as a pure function of the step.

#include <cstdint>

#include "config/experiment.h"

namespace trireme {

class Schedule {
 public:
  // total_steps: of the whole run, for polynomial and cosine when schedule.total is 0.
  Schedule(const ScheduleConfig& config, double base_lr, double steps_per_epoch, double total_steps);
  // step counts applied updates from 0. Linear warm-up first, then the schedule as torch.optim.lr_scheduler
  // defines it, its time measured from the end of the warm-up for cosine and polynomial, from 0 otherwise.
  double lr(int64_t step) const;

 private:
  ScheduleConfig config_;
  double base_, per_unit_, total_;
};

}  // namespace trireme
