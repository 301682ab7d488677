#pragma once
// Training steps of an experiment, as `trireme train` runs them: loader, lanes or device,
// reduction, optimizer and metrics; no log, evaluation or checkpoint.

#include <fmt/format.h>

#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "base/clock.h"
#include "worker/open_device.h"
#include "worker/session.h"

namespace trireme::bench {

struct StepTimes {
  double seconds = 0;
  double data = 0, compute = 0, exchange = 0, optimizer = 0, checkpoint = 0;  // of lane 0
};

class StepsOf {
 public:
  // Every rank must call.
  StepsOf(Communicator& comm, const Experiment& experiment)
      : session_(comm, experiment, {}, open_device(comm, experiment).device),
        loader_(session_.make_loader(
            true, 0, [this](int64_t step) { return session_.steps->at(step); }, INT64_MAX,
            session_.steps->full_batch())) {
    session_.start();
  }

  // Every rank must call; returns when the last step has finished. Throws std::runtime_error when
  // an update is not applied: its time would be too short. What fp16's loss scale leaves out at
  // the start is not told apart.
  StepTimes run(int64_t steps) {
    StepTimes times;
    const auto start = Clock::now();
    for (int64_t i = 0; i < steps; ++i) step(times);
    take_results(true, times);
    times.seconds = seconds_since(start);
    return times;
  }

  // The normal end. Every rank must call.
  void close() { session_.close(); }
  Session& session() { return session_; }
  int64_t done() const { return step_; }
  // FLOP of one step: backward counts twice forward.
  double flops() const {
    return 3 * session_.graph->flops_per_sample() *
           static_cast<double>(session_.steps->full_batch());
  }

 private:
  void step(StepTimes& times) {
    UpdateSettings settings;
    settings.scalars = {};  // no clipping, no average
    settings.scalars.lr = static_cast<float>(session_.schedule->lr(step_));
    settings.scalars.step = step_ + 1;
    session_.runner->train(session_.steps->at(step_), *loader_, settings);
    ++step_;
    take_results(false, times);
  }

  void take_results(bool wait, StepTimes& times) {
    while (const StepResult* result = session_.runner->finished(wait)) {
      if (!result->verdict.applied && !result->verdict.too_large)
        throw std::runtime_error(fmt::format("step {} was not applied", result->plan.step));
      times.data += result->data_seconds;
      times.compute += result->compute_seconds;
      times.exchange += result->exchange_seconds;
      times.optimizer += result->optimizer_seconds;
      times.checkpoint += result->checkpoint_seconds;
    }
  }

  Session session_;
  std::unique_ptr<Loader> loader_;
  int64_t step_ = 0;
};

// argv[first ...] as overrides of the experiment.
inline std::vector<std::string> overrides_of(int argc, char** argv, int first) {
  std::vector<std::string> overrides;
  for (int i = first; i < argc; ++i) {
    const std::string argument = argv[i];
    if (!argument.starts_with("--"))
      throw std::runtime_error("expected --section.key=value, got " + argument);
    overrides.push_back(argument.substr(2));
  }
  return overrides;
}

}  // namespace trireme::bench
