#pragma once
// What a model's raw outputs mean to a user: probabilities of classes, scores, or values.

#include <string>
#include <vector>

#include "config/experiment.h"
#include "export/export.h"

namespace trireme {

enum class OutputMeaning {
  probabilities,  // one per class
  scores,         // one per class, larger is likelier, not probabilities (hinge)
  values,         // real numbers
};

struct Interpreted {
  OutputMeaning meaning = OutputMeaning::values;
  HostTensor table;  // N x columns; columns are classes, or values
  std::string class_name(int64_t column) const;
  std::vector<std::string> class_names;
  // Columns of sample i by falling value, at most k.
  std::vector<int64_t> top(int64_t i, int64_t k) const;
};

// softmax_cross_entropy: softmax over the row. sigmoid_cross_entropy: sigmoid; one logit z gives
// two columns, 1 - p and p. hinge: scores; one score z gives -z and z. Other losses, or real-valued
// targets: the values. Without an experiment (empty config), classes are taken as softmax logits.
Interpreted interpret_outputs(const LoadedModel& model, const HostTensor& outputs);

}  // namespace trireme
