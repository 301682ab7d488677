#include "worker/steps.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/error.h"

namespace trireme {

Steps::Steps(const TrainConfig& train, bool drop_last, int64_t samples)
    : batch_(train.batch_size), samples_(samples) {
  per_epoch_ = drop_last ? samples / batch_ : (samples + batch_ - 1) / batch_;
  if (per_epoch_ == 0)
    throw ConfigError(
        fmt::format(
            "data.drop_last drops everything: {} training samples are fewer than one batch of {}",
            samples, batch_),
        "lower train.batch_size or set data.drop_last = false");
  const double by_epochs = std::ceil(train.max_epochs * static_cast<double>(per_epoch_));
  total_ = train.max_epochs > 0 ? static_cast<int64_t>(std::min(by_epochs, 9e15)) : INT64_MAX;
  if (train.max_steps > 0) total_ = std::min(total_, train.max_steps);
}

StepPlan Steps::at(int64_t step) const {
  const int64_t epoch = step / per_epoch_, begin = step % per_epoch_ * batch_;
  return {step, static_cast<uint64_t>(epoch), begin, std::min(batch_, samples_ - begin)};
}

double Steps::epoch_of(int64_t steps_done) const {
  return static_cast<double>(steps_done) / static_cast<double>(per_epoch_);
}

int64_t Steps::interval(double epochs) const {
  return epochs > 0 ? std::max<int64_t>(1, std::llround(epochs * static_cast<double>(per_epoch_)))
                    : 0;
}

int64_t Steps::full_batch() const { return std::min(batch_, samples_); }

int64_t Steps::last_batch() const {
  const int64_t last = samples_ - (per_epoch_ - 1) * batch_;
  return last < full_batch() ? last : 0;
}

}  // namespace trireme
