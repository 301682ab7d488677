#pragma once
// Small trainings, by a lane of the CPU and by the steps of a device, and all that they leave.

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "comm/thread_collectives.h"
#include "comm/thread_comm.h"
#include "config/experiment.h"
#include "worker/session.h"

namespace trireme::device_test {

struct Model {
  const char* name;
  const char* data;
  const char* model;
  const char* train;
};
// 70 samples in batches of 24 for 3 epochs, Adam, one lane and one shard. more: of [train] and of
// sections behind it.
Experiment experiment(const Model& model, const std::string& more = "");

// With embedding tables: every op that reads ids or what they look up.
inline constexpr Model kDlrm = {"dlrm",
                                "shape = 4\nclasses = 2\nids_features = 5\nids_values = 2\n"
                                "ids_range = 12\nids_skew = 1.1\n",
                                R"(
input = x: 4
input = ids: 5x2 dtype=int64
layer = emb: embedding_bag from=ids dim=8 mode=mean
layer = wide: embedding_bag from=ids dim=1 flat=true init=zeros
layer = bottom: dense from=x units=8 activation=relu
layer = dots: dot_interaction from=bottom,emb
layer = all: concat from=dots,wide
layer = out: dense units=1
loss = sigmoid_cross_entropy
metric = auc)",
                                "clip_norm = 0.5\n"};
inline constexpr Model kDeepAndCross = {"deep_and_cross",
                                        "shape = 4\nclasses = 2\nids_features = 3\n"
                                        "ids_values = 2\nids_range = 12\n",
                                        R"(
input = x: 4
input = ids: 3x2 dtype=int64
layer = emb: embedding_bag from=ids dim=5
layer = flat: flatten from=emb
layer = x0: concat from=x,flat
layer = c1: cross from=x0,x0
layer = c2: cross from=x0,c1
layer = fm: factorization_machine from=emb
layer = all: concat from=c2,fm
layer = out: dense units=1
loss = sigmoid_cross_entropy)",
                                        "clip_row_norm = 0.05\nclip_table_norm = 0.2\n"};

struct Outcome {
  std::vector<float> params, average, state, moments;
  std::vector<double> losses, norms, loss_scales, metrics, evaluations;
  std::vector<int64_t> steps;
  std::vector<bool> applied;
  std::vector<std::byte> tables;  // all of their tensors
  std::vector<float> rows;        // of those the rows
  friend bool operator==(const Outcome&, const Outcome&) = default;
};

std::vector<float> all_of(StateSource& snapshot);
std::vector<float> moments(Session& s);  // with all else that a checkpoint has of the flat state

// Steps of a started session one by one, each with its results.
class Stepper {
 public:
  explicit Stepper(Session& s);
  void operator()(int64_t step);

 private:
  Session& s_;
  std::unique_ptr<Loader> loader_;
};

// Steps of a started session, from its checkpoint's on.
struct Training {
  // Whether a step's gradient is made not finite.
  std::function<bool(int64_t)> poison = [](int64_t) { return false; };
  int64_t behind = 0;  // updates that the number of a step is behind the step's
  int64_t steps = -1;  // the step to end before; -1: all
};
Outcome train(Session& s, const Training& training = {});
Training poisoned_at(int64_t step);  // -1: never

Outcome on_lane(const Experiment& e, int64_t poison_step = -1);
Outcome on_device(const Experiment& e, int64_t poison_step = -1);

// A CPU that says it can record steps: what is recorded also runs, what is replayed does nothing.
struct Recordings {
  int begun = 0, replayed = 0;
};
extern Recordings recordings;  // of the device made last
std::unique_ptr<Device> recording_device();

// Ranks that are threads; their collectives add up in the order of ranks.
std::vector<Outcome> on_devices(ThreadCollectives& collectives, const Experiment& e, int ranks,
                                int64_t poison_step = -1);
std::vector<Outcome> on_devices(const Experiment& e, int ranks, int64_t poison_step = -1);

}  // namespace trireme::device_test
