#pragma once
// A checkpoint as a model: graph from its experiment, weights by name.

#include "checkpoint/state.h"
#include "export/export.h"

namespace trireme {

// Verifies the checkpoint first. Weights are the averages ("ema.NAME") where train.ema > 0, else
// "model.NAME". FormatError naming the checkpoint and the tensor that is missing or does not fit.
LoadedModel load_checkpoint_model(const Path& checkpoint);

// "run NAME, step 1234 (epoch 3): /path/step-00001234", for the model card.
std::string checkpoint_origin(const Path& checkpoint);

}  // namespace trireme
