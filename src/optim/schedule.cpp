#include "optim/schedule.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/text.h"

namespace trireme {
namespace {

// Whole periods in `steps`. A border such as 0.7 epochs of 10 steps is not exact in binary: a step
// within a billionth of it counts as past it.
double whole(double steps, double period) {
  return period > 0 ? std::floor(steps / period * (1 + 1e-12) + 1e-9) : 0.0;
}

bool needs_length(const std::string& name) { return name == "polynomial" || name == "cosine"; }

void check_one_of(const char* key, const std::string& value,
                  const std::vector<std::string>& known) {
  if (std::find(known.begin(), known.end(), value) != known.end()) return;
  const auto near = nearest(value, known);
  throw ConfigError(std::string(key) + ": unknown value '" + value + "'",
                    near ? "did you mean '" + *near + "'?" : "one of " + join(known, ", "));
}

}  // namespace

Schedule::Schedule(const ScheduleConfig& config, double base_lr, double steps_per_epoch,
                   double total_steps)
    : config_(config),
      base_(base_lr),
      per_unit_(config.unit == "epochs" ? steps_per_epoch : 1.0),
      total_(config.total > 0 ? config.total * per_unit_ : total_steps) {
  check_one_of("schedule.name", config.name,
               {"constant", "step", "multi_step", "exponential", "polynomial", "cosine"});
  check_one_of("schedule.unit", config.unit, {"epochs", "steps"});
  if (needs_length(config.name) && !(total_ > 0)) {
    throw ConfigError("schedule.name = " + config.name + " needs the length of the run, which is " +
                          std::to_string(total_) + " steps",
                      "set schedule.total, train.max_epochs or train.max_steps");
  }
}

double Schedule::lr(int64_t step) const {
  const double now = static_cast<double>(step);
  const double warm = config_.warmup * per_unit_;
  if (now < warm) {
    return base_ * (config_.warmup_start + (1 - config_.warmup_start) * now / warm);
  }
  return base_ * factor(now);
}

double Schedule::factor(double step) const {
  const double end = config_.end_factor;
  if (config_.name == "step") {
    return std::pow(config_.gamma, whole(step, config_.step_size * per_unit_));
  }
  if (config_.name == "multi_step") {
    const auto passed =
        std::count_if(config_.milestones.begin(), config_.milestones.end(),
                      [&](double m) { return m <= 0 || whole(step, m * per_unit_) >= 1; });
    return std::pow(config_.gamma, static_cast<double>(passed));
  }
  if (config_.name == "exponential") return std::pow(config_.gamma, whole(step, per_unit_));
  if (config_.name == "polynomial") {
    return end + (1 - end) * std::pow(1 - progress(step), config_.power);
  }
  if (config_.name == "cosine") {
    return end + (1 - end) * (1 + std::cos(std::numbers::pi * progress(step))) / 2;
  }
  return 1.0;
}

double Schedule::progress(double step) const {
  const double warm = config_.warmup * per_unit_;
  const double length = total_ - warm;
  return length > 0 ? std::clamp((step - warm) / length, 0.0, 1.0) : 1.0;
}

}  // namespace trireme
