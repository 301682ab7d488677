#pragma once
// Lines to nodes: ops, edges, activations and shared weights.

#include <map>
#include <span>
#include <string>
#include <vector>

#include "model/build.h"
#include "model/build/problems.h"

namespace trireme {

class Wiring {
 public:
  // Lines must have passed check_lines. Does not freeze the graph.
  Wiring(Graph& graph, const ModelConfig& model, Problems& problems)
      : graph_(graph), model_(model), problems_(problems) {}
  // `inputs`: the shapes of the dense lines. Throws ShapeError naming the layer where shapes stop
  // to fit; ops that refuse their options are problems.
  void add_all(std::span<const Shape> inputs, const DataShape& data);
  // Parameters of layers whose weights stay what they start as.
  const std::vector<std::string>& fixed() const { return fixed_; }

 private:
  void add_inputs(std::span<const Shape> shapes, const DataShape& data);
  void add_dense_inputs(std::span<const Shape> shapes, const DataShape& data);
  bool reads_sample() const;
  void add_layer(const LayerLine& line);
  void add_loss(const LayerLine& line, const DataShape& data);
  std::vector<NodeId> inputs_of(const LayerLine& line) const;
  std::shared_ptr<const Op> make(const LayerLine& line, const std::string& kind,
                                 const Attributes& attributes);

  Graph& graph_;
  const ModelConfig& model_;
  Problems& problems_;
  std::map<std::string, NodeId> outputs_;  // what a reader of a line gets: its activation's output
  NodeId last_ = -1;
  std::vector<std::string> fixed_;
};

}  // namespace trireme
