#pragma once
// Did two runs of one experiment end in the same place?

#include <string>

#include "base/file.h"

namespace trireme {

// Two runs agree on a tensor when they agree bit for bit, or, where `relative` > 0, when
// max |a - b| <= relative * max |a| over the tensor.
struct Bound {
  double relative = 0;
  std::string str() const;  // "bit for bit", "to 1e-05 of each tensor's largest value"
};

struct Comparison {
  bool holds = false;
  std::string
      verdict;  // "equal", "within: ...", "DIFFERS: max |a-b| = 0.001 in fc.weight (2 tensors)"
};

// Compares all tensors of two checkpoints (weights, optimizer state, averages, running statistics),
// and where the runs stand: steps, updates, samples, data cursor, best value of train.monitor. `a`
// is the reference. Throws FormatError when one cannot be read.
Comparison compare_checkpoints(const Path& a, const Path& b, const Bound& bound);

}  // namespace trireme
