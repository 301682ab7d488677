// Embedding tables in the steps of a device; device_runner_test.cpp compares them with a lane's.

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "checkpoint/fixture.h"
#include "cuda_shim/execution.h"
#include "cuda_shim/recording.h"
#include "kernels/cuda_plugin.h"
#include "worker/device/device_training.h"

namespace trireme::device_test {
namespace {

constexpr Model kModels[] = {kDlrm, kDeepAndCross};

// Our CUDA kernels, run by the shim, recorded and replayed.
std::unique_ptr<Device> shim_device() {
  return std::make_unique<Device>(cuda_shim::functions(), cuda_shim::context(),
                                  cuda_shim::kernels_with_cpu_plans(), "cuda_shim");
}

Outcome on_shim(const Experiment& e) {
  const auto comm = make_local_communicator();
  Session s(*comm, e, {}, shim_device());
  s.start();
  Outcome outcome = train(s);
  EXPECT_EQ(cuda_shim::take_fault(), "");
  return outcome;
}

template <class T>
void expect_near(const std::vector<T>& actual, const std::vector<T>& expected, double tolerance,
                 const char* what) {
  ASSERT_EQ(actual.size(), expected.size()) << what;
  for (size_t i = 0; i < actual.size(); ++i)
    ASSERT_NEAR(static_cast<double>(actual[i]), static_cast<double>(expected[i]), tolerance)
        << what << " " << i;
}

class TablesOnADevice : public testing::TestWithParam<Model> {};

// Adam turns the sign of a gradient into a step of the learning rate, 0.01, whatever its size:
// where it is rounding alone, weights may be that far apart.
TEST_P(TablesOnADevice, LearnByOurCudaKernelsWhatALaneLearns) {
  Experiment e = experiment(GetParam());
  e.optimizer.name = "sgd";
  const Outcome lane = on_lane(e), shim = on_shim(e);
  EXPECT_EQ(shim.steps, lane.steps);
  EXPECT_EQ(shim.tables.size(), lane.tables.size());
  expect_near(shim.losses, lane.losses, 1e-5, "losses");
  expect_near(shim.norms, lane.norms, 1e-5, "norms");
  expect_near(shim.params, lane.params, 1e-5, "weights");
  expect_near(shim.rows, lane.rows, 1e-5, "rows");
  expect_near(shim.evaluations, lane.evaluations, 1e-5, "evaluations");
}

// Every batch looks up something else, and as much of it as it likes.
TEST_P(TablesOnADevice, LearnTheSameFromRecordedSteps) {
  Experiment e = experiment(GetParam());
  const Outcome recorded = on_shim(e);
  e.cuda.graph = false;
  EXPECT_EQ(on_shim(e), recorded);
}

TEST_P(TablesOnADevice, HaveRowsThatComeAndGoAsALanes) {
  const Experiment e =
      experiment(GetParam(), "[tables]\nadmit_after = 2\nexpire_after = 3\nbudget_mib = 8\n");
  const Outcome lane = on_lane(e), device = on_device(e);
  EXPECT_EQ(device.losses, lane.losses);
  EXPECT_EQ(device.params, lane.params);
  EXPECT_EQ(device.tables, lane.tables);
}

// Of a batch's size the first step runs as it is; its two halves are then recorded, for each slot.
TEST_P(TablesOnADevice, AreNoPartOfWhatIsRecorded) {
  const Experiment e = experiment(GetParam());
  const auto comm = make_local_communicator();
  Session s(*comm, e, {}, recording_device());
  s.start();
  train(s);
  EXPECT_EQ(recordings.begun, 2 * 4);
  EXPECT_EQ(recordings.replayed, 2 * 7);
}

// The writer's thread reads a snapshot while later steps change rows.
TEST_P(TablesOnADevice, AreInASnapshotAsOfItsStep) {
  const Experiment e = experiment(GetParam());
  const auto comm = make_local_communicator();
  Session s(*comm, e, {}, make_cpu_device());
  s.start();
  const Outcome then = train(s, {.steps = 3});
  const auto snapshot = s.snapshot("unused").state;
  const Outcome later = train(s, {.steps = 5});
  snapshot->capture();
  std::vector<std::byte> tables;
  for (const TensorMeta& tensor : snapshot->list()) {
    if (!tensor.name.starts_with("table.")) continue;
    std::vector<std::byte> values(static_cast<size_t>(tensor.shape.elements()) *
                                  size_of(tensor.dtype));
    snapshot->read(tensor, values);
    tables.insert(tables.end(), values.begin(), values.end());
  }
  EXPECT_TRUE(tables == then.tables);
  EXPECT_FALSE(tables == later.tables);
}

class ResumedTables : public FolderTest, public testing::WithParamInterface<Model> {};

TEST_P(ResumedTables, GoOnAsIfTheRunHadNotStopped) {
  const Experiment e = experiment(GetParam());
  const Outcome whole = on_device(e);
  const auto comm = make_local_communicator();
  Path checkpoint;
  {
    Session s(*comm, e, {}, make_cpu_device());
    s.start();
    train(s, {.steps = 4});
    RunState state;
    state.step = state.updates = 4;
    state.config = e.to_ini(false);
    state.preprocessing = s.preprocessing().to_json();
    state.params_hash = s.graph->params().hash().hex();
    state.graph_hash = s.graph->hash().hex();
    state.data_fingerprint = s.data_fingerprint;
    state.virtual_shards = s.topology.shards;
    const auto snapshot = s.snapshot(folder).state;
    snapshot->capture();
    checkpoint = save_checkpoint(folder, *snapshot, state, {});
  }
  Session s(*comm, e, checkpoint, make_cpu_device());
  s.start();
  const Outcome resumed = train(s);
  EXPECT_EQ(resumed.steps, (std::vector<int64_t>{4, 5, 6, 7, 8}));
  EXPECT_EQ(resumed.params, whole.params);
  EXPECT_EQ(resumed.moments, whole.moments);
  EXPECT_EQ(resumed.tables, whole.tables);
}

INSTANTIATE_TEST_SUITE_P(Models, TablesOnADevice, testing::ValuesIn(kModels),
                         [](const auto& info) { return info.param.name; });
INSTANTIATE_TEST_SUITE_P(Models, ResumedTables, testing::ValuesIn(kModels),
                         [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace trireme::device_test
