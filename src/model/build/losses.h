#pragma once
#include "model/build.h"
#include "model/build/problems.h"

namespace trireme {

// Whether the loss of `line` fits what it reads and the data's targets: class labels or real
// values, as many outputs as classes or values (one for two classes), logits where the loss applies
// softmax or sigmoid itself. Adds a problem for each; returns false if there was one.
bool check_loss(const LayerLine& line, const Node& output, const DataShape& data,
                Problems& problems);

}  // namespace trireme
