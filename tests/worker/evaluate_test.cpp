#include "worker/evaluate.h"

#include <gtest/gtest.h>

#include "comm/thread_comm.h"
#include "config/experiment.h"
#include "worker/session.h"

namespace trireme {
namespace {

// Batches of 40 leave a last one of 21 samples.
constexpr const char* kExperiment = R"([run]
timeout = 60
[data]
reader = synthetic
shape = 6
classes = 2
samples = 64
validation_samples = 101
ids_features = 2
ids_range = 9
[model]
input = x: 6
input = ids: 2x1 dtype=int64
layer = emb: embedding_bag from=ids dim=2 flat=true
layer = all: concat from=x,emb
layer = out: dense units=1
loss = sigmoid_cross_entropy
metric = auc
metric = log_loss
metric = normalized_entropy
metric = calibration
metric = accuracy
metric = hit_rate k=2 group=1
metric = ndcg k=2 group=1
[train]
batch_size = 32
eval_batch_size = 40
)";

std::vector<MetricValue> values_on(int ranks, int lanes) {
  const Experiment e =
      parse_experiment(kExperiment, "evaluate.ini", {"run.lanes=" + std::to_string(lanes)});
  std::vector<std::vector<MetricValue>> values(static_cast<size_t>(ranks));
  run_thread_ranks(ranks, [&](Communicator& comm) {
    Session session(comm, e, {});
    session.start();
    values[static_cast<size_t>(comm.rank())] = evaluate(session).values;
    comm.barrier({60, "the end of the test", -1});
  });
  for (const auto& of_rank : values)
    for (size_t i = 0; i < of_rank.size(); ++i)
      EXPECT_EQ(of_rank[i].value, values.front()[i].value) << of_rank[i].name << ": ranks disagree";
  return values.front();
}

TEST(Evaluate, GivesTheSameBitsOnAnyNumberOfRanksAndLanes) {
  const auto alone = values_on(1, 1);
  ASSERT_EQ(alone.size(), 8u);
  EXPECT_EQ(alone[1].name, "auc");
  EXPECT_GT(alone[1].value, 0);
  EXPECT_LT(alone[1].value, 1);
  EXPECT_EQ(alone[7].name, "ndcg_2");
  EXPECT_GT(alone[7].value, 0);
  EXPECT_LT(alone[7].value, alone[6].value);
  // The loss is the log loss of the same samples, summed elsewhere.
  EXPECT_NEAR(alone[0].value, alone[2].value, 1e-6);
  for (const auto& [ranks, lanes] : {std::pair{1, 3}, {2, 1}, {3, 2}, {9, 1}}) {
    const auto values = values_on(ranks, lanes);
    for (size_t i = 0; i < alone.size(); ++i)
      EXPECT_EQ(values[i].value, alone[i].value)
          << alone[i].name << " on " << ranks << " ranks of " << lanes;
  }
}

}  // namespace
}  // namespace trireme
