// Whole training steps of real models on several hosts of thread ranks, against one rank: bit for
// bit, with batches that leave shards empty.

#include <gtest/gtest.h>

#include <fmt/format.h>

#include "comm/thread_comm.h"
#include "config/experiment.h"
#include "worker/session.h"

namespace trireme {
namespace {

struct Model {
  const char* name;
  const char* layers;
};

constexpr Model kConvolutional{"convolutional", R"(
layer = conv1: conv2d filters=8 kernel=3 padding=1 activation=relu
layer = flatten
layer = fc1: dense units=40 activation=relu
layer = drop: dropout p=0.25
layer = fc2: dense units=4
)"};
// Its lanes meet within the forward and the backward pass.
constexpr Model kNormalised{"normalised", R"(
layer = conv1: conv2d filters=8 kernel=3 padding=1
layer = batch_norm
layer = relu
layer = conv2: conv2d filters=8 kernel=3 padding=1
layer = batch_norm
layer = relu
layer = flatten
layer = fc1: dense units=40 activation=relu
layer = fc2: dense units=4
)"};

Experiment experiment(const Model& model, int lanes, int shards, double bucket_mib) {
  return parse_experiment(fmt::format(R"([run]
lanes = {}
timeout = 60
[data]
reader = synthetic
shape = 1x8x8
samples = 70
classes = 4
[model]{}loss = softmax_cross_entropy
[train]
batch_size = 32
max_epochs = 2
virtual_shards = {}
[optimizer]
name = adam
[exchange]
bucket_mib = {}
)",
                                      lanes, model.layers, shards, bucket_mib),
                          "hosts.ini", {});
}

// Weights and running statistics after two epochs: batches of 32, 32 and 6 samples.
std::vector<float> trained(Communicator& comm, const Experiment& e, int64_t poison_step) {
  Session s(comm, e, {});
  s.start();
  const auto loader = s.make_loader(
      true, 0, [&](int64_t step) { return s.steps->at(step); }, s.steps->total(),
      s.steps->full_batch());
  for (int64_t step = 0; step < s.steps->total(); ++step) {
    UpdateSettings settings;
    settings.scalars.lr = 0.01f;
    settings.scalars.step = step + 1;
    settings.poison = comm.rank() == 0 && step == poison_step;
    s.runner->train(s.steps->at(step), *loader, settings);
    const StepResult* result = s.runner->finished(true);
    EXPECT_TRUE(result && result->verdict.applied == (step != poison_step));
  }
  // The running statistics are written after the last meeting of a step.
  comm.barrier({60, "the last step of the test", -1});
  std::vector<float> result(s.state->params(), s.state->params() + s.graph->params().size());
  result.insert(result.end(), s.state->state(), s.state->state() + s.graph->state().size());
  comm.barrier({60, "the end of the test", -1});
  return result;
}

std::vector<float> run(const Experiment& e, int ranks, std::vector<int> nodes,
                       int64_t poison_step = -1) {
  std::vector<std::vector<float>> results(static_cast<size_t>(ranks));
  run_thread_ranks(
      ranks,
      [&](Communicator& comm) {
        results[static_cast<size_t>(comm.rank())] = trained(comm, e, poison_step);
      },
      std::move(nodes));
  for (const auto& r : results) EXPECT_EQ(r, results.front()) << "ranks disagree";
  return results.front();
}

class Hosts : public testing::TestWithParam<Model> {};

TEST_P(Hosts, TrainToTheBitsOfOneRank) {
  for (int shards : {8, 5}) {
    const auto reference = run(experiment(GetParam(), 1, shards, 4), 1, {});
    for (double bucket : {0.015625, 0.0625, 4.0}) {
      EXPECT_EQ(run(experiment(GetParam(), 1, shards, bucket), 2, {0, 1}), reference);
      EXPECT_EQ(run(experiment(GetParam(), 2, shards, bucket), 3, {0, 1, 2}), reference);
      EXPECT_EQ(run(experiment(GetParam(), 3, shards, bucket), 4, {0, 1, 0, 2}), reference);
      EXPECT_EQ(run(experiment(GetParam(), 8, shards, bucket), 2, {0, 1}), reference)
          << "more lanes than leaves";
    }
  }
}

TEST_P(Hosts, SkipAStepWhoseGradientIsNotFinite) {
  const auto reference = run(experiment(GetParam(), 1, 8, 4), 1, {}, 1);
  EXPECT_EQ(run(experiment(GetParam(), 2, 8, 0.015625), 3, {0, 1, 2}, 1), reference);
  EXPECT_EQ(run(experiment(GetParam(), 4, 8, 0.015625), 2, {0, 1}, 1), reference);
}

INSTANTIATE_TEST_SUITE_P(Models, Hosts, testing::Values(kConvolutional, kNormalised),
                         [](const auto& p) { return p.param.name; });

}  // namespace
}  // namespace trireme
