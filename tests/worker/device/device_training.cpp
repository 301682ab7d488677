#include "worker/device/device_training.h"

#include <fmt/format.h>

#include <algorithm>

#include "kernels/cuda_plugin.h"
#include "worker/evaluate.h"

namespace trireme::device_test {
namespace {

void take_results(Session& s, bool wait, Outcome& outcome) {
  while (const StepResult* result = s.runner->finished(wait)) {
    outcome.steps.push_back(result->plan.step);
    outcome.losses.push_back(result->loss);
    outcome.norms.push_back(result->verdict.grad_norm);
    outcome.loss_scales.push_back(result->verdict.loss_scale);
    outcome.applied.push_back(result->verdict.applied);
    outcome.metrics.insert(outcome.metrics.end(), result->metrics.begin(), result->metrics.end());
  }
}

void read_tables(StateSource& snapshot, Outcome& outcome) {
  snapshot.capture();
  for (const TensorMeta& tensor : snapshot.list()) {
    std::vector<std::byte> values(static_cast<size_t>(tensor.shape.elements()) *
                                  size_of(tensor.dtype));
    snapshot.read(tensor, values);
    outcome.tables.insert(outcome.tables.end(), values.begin(), values.end());
    if (!tensor.name.ends_with(".rows")) continue;
    const auto* rows = reinterpret_cast<const float*>(values.data());
    outcome.rows.insert(outcome.rows.end(), rows, rows + tensor.shape.elements());
  }
}

}  // namespace

Experiment experiment(const Model& model, const std::string& more) {
  return parse_experiment(fmt::format(R"([run]
lanes = 1
timeout = 60
[data]
reader = synthetic
samples = 70
validation_samples = 20
{}[model]{}
[optimizer]
name = adam
lr = 0.01
[exchange]
bucket_mib = 0.015625
[train]
batch_size = 24
max_epochs = 3
virtual_shards = 1
{}{})",
                                      model.data, model.model, model.train, more),
                          "device.ini", {});
}

std::vector<float> all_of(StateSource& snapshot) {
  std::vector<float> all;
  for (const TensorMeta& tensor : snapshot.list()) {
    std::vector<float> values(static_cast<size_t>(tensor.shape.elements()));
    snapshot.read(tensor, std::as_writable_bytes(std::span(values)));
    all.insert(all.end(), values.begin(), values.end());
  }
  return all;
}

std::vector<float> moments(Session& s) {
  const auto snapshot = s.state->snapshot(true);
  snapshot->capture();
  return all_of(*snapshot);
}

Stepper::Stepper(Session& s)
    : s_(s),
      loader_(s.make_loader(
          true, 0, [&s](int64_t step) { return s.steps->at(step); }, s.steps->total(),
          s.steps->full_batch())) {}

void Stepper::operator()(int64_t step) {
  UpdateSettings settings;
  settings.scalars.lr = 0.01f;
  settings.scalars.step = step + 1;
  s_.runner->train(s_.steps->at(step), *loader_, settings);
  while (s_.runner->finished(true)) {
  }
}

Outcome train(Session& s, const Training& training) {
  Outcome outcome;
  const int64_t first = s.checkpoint ? s.checkpoint->manifest().state.step : 0,
                end = training.steps < 0 ? s.steps->total() : training.steps;
  const auto loader = s.make_loader(
      true, first, [&](int64_t step) { return s.steps->at(step); }, end, s.steps->full_batch());
  for (int64_t step = first; step < end; ++step) {
    UpdateSettings settings;
    settings.scalars.lr = 0.01f;
    settings.scalars.clip_value = static_cast<float>(s.experiment.train.clip_value);
    settings.scalars.ema_decay = static_cast<float>(s.experiment.train.ema);
    settings.scalars.step = std::max<int64_t>(1, step + 1 - training.behind);
    settings.clip_norm = s.experiment.train.clip_norm;
    settings.poison = training.poison(step);
    s.runner->train(s.steps->at(step), *loader, settings);
    take_results(s, false, outcome);
  }
  take_results(s, true, outcome);
  const auto copy = [](const float* values, const ParamTable& table) {
    return std::vector<float>(values, values + table.size());
  };
  outcome.params = copy(s.state->params(), s.graph->params());
  outcome.average = copy(s.state->averaged_params(), s.graph->params());
  outcome.state = copy(s.state->state(), s.graph->state());
  outcome.moments = moments(s);
  if (s.tables) read_tables(*s.tables->snapshot(), outcome);
  for (const MetricValue& value : evaluate(s).values) outcome.evaluations.push_back(value.value);
  return outcome;
}

Training poisoned_at(int64_t step) {
  return {.poison = [step](int64_t at) { return at == step; }};
}

Outcome on_lane(const Experiment& e, int64_t poison_step) {
  const auto comm = make_local_communicator();
  Session session(*comm, e, {});
  session.start();
  return train(session, poisoned_at(poison_step));
}

Outcome on_device(const Experiment& e, int64_t poison_step) {
  const auto comm = make_local_communicator();
  Session session(*comm, e, {}, make_cpu_device());
  session.start();
  return train(session, poisoned_at(poison_step));
}

Recordings recordings;

std::unique_ptr<Device> recording_device() {
  static const DeviceFunctions functions = [] {
    DeviceFunctions f = host_functions();
    f.begin_capture = [](DeviceContext*, Stream*) noexcept {
      ++recordings.begun;
      return DeviceStatus::ok;
    };
    f.end_capture = [](DeviceContext*, Stream*, StepGraph** out) noexcept {
      *out = reinterpret_cast<StepGraph*>(&recordings);
      return DeviceStatus::ok;
    };
    f.launch_graph = [](DeviceContext*, StepGraph*, Stream*) noexcept {
      ++recordings.replayed;
      return DeviceStatus::ok;
    };
    f.destroy_graph = [](DeviceContext*, StepGraph*) noexcept { return DeviceStatus::ok; };
    f.close = [](DeviceContext*) noexcept {};
    return f;
  }();
  recordings = {};
  return std::make_unique<Device>(functions, reinterpret_cast<DeviceContext*>(&recordings),
                                  cpu_kernels(), "recording");
}

std::vector<Outcome> on_devices(ThreadCollectives& collectives, const Experiment& e, int ranks,
                                int64_t poison_step) {
  std::vector<Outcome> outcomes(static_cast<size_t>(ranks));
  run_thread_ranks(ranks, [&](Communicator& comm) {
    Session session(comm, e, {},
                    std::make_unique<Device>(host_functions(), nullptr, cpu_kernels(), "cpu",
                                             DeviceLinks{&collectives.functions(), ""}));
    session.start();
    outcomes[static_cast<size_t>(comm.rank())] =
        train(session, poisoned_at(comm.rank() == 0 ? poison_step : -1));
    session.close();
  });
  return outcomes;
}

std::vector<Outcome> on_devices(const Experiment& e, int ranks, int64_t poison_step) {
  ThreadCollectives collectives;
  return on_devices(collectives, e, ranks, poison_step);
}

}  // namespace trireme::device_test
