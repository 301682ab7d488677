#pragma once
// Continuing a run from a checkpoint: whether it fits, and how its tensors come back.

#include <string>
#include <vector>

#include "checkpoint/checkpoint.h"
#include "config/experiment.h"
#include "model/graph.h"
#include "worker/training_state.h"

namespace trireme {

// Throws ConfigError when the checkpoint's place in the data means nothing here (train.batch_size
// or data.drop_last were changed), FormatError when it has not every tensor of the model in its
// shape. No communication.
void check_resumable(const CheckpointReader& checkpoint, const Experiment& experiment,
                     const Graph& graph);

// What else was changed and bears on the result, a sentence each: "optimizer.lr = 0.1, which was
// 0.01". `fingerprint`: of this run's data.
std::vector<std::string> changes_since(const RunState& state, const Experiment& experiment,
                                       const std::string& fingerprint);

// Puts weights, optimizer state, averages and running statistics back. An average that the
// checkpoint lacks starts from its weights; optimizer state that it lacks from nothing, which
// `report` says. Every rank must call.
void restore(const CheckpointReader& checkpoint, TrainingState& state, bool report);

}  // namespace trireme
