#pragma once
// From [model] lines and presets to a frozen graph.

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "config/experiment.h"
#include "model/graph.h"

namespace trireme {

// What the data offers to the model: the default input, and what the last layer must produce.
struct DataShape {
  Shape input;  // C,H,W or F; 0: ids alone
  bool image = false;
  int64_t classes = 0;  // 0: real-valued
  int64_t target_width = 1;
  bool weighted = false;
  int64_t id_features = 0, id_values = 0;  // 0: no ids
  std::vector<std::string> id_names = {};  // of the features; empty: the numbers
};

// The preset's layers, losses and metrics as lines; or the model's own lines, with overrides
// applied. Throws ConfigError with every problem, one a line, with file:line.
ModelConfig expand_model(const ModelConfig& model, const DataShape& data);

// expand_model, then ops, shapes, slot rules (lr_scale, decay_scale, freeze). Checks that the input
// lines fit the data (equal number of elements), that the loss fits the target and the output fits
// the classes. The graph comes frozen.
std::unique_ptr<Graph> build_graph(const Experiment& experiment, const DataShape& data);

// Initial values of all params and state, flat, in stored order (offsets of the tables). params:
// table.size() floats.
void initial_values(const Graph& graph, uint64_t seed, float* params, float* state);

// One op by kind and attributes, as Op::attributes() gives them: the inverse that imports use.
// Throws ConfigError for an unknown kind, unknown or missing attribute.
std::shared_ptr<const Op> make_op(std::string_view kind, const Attributes& attributes);
std::vector<std::string> op_kinds();

}  // namespace trireme
