#pragma once
// The model as a frozen list of named ops. Built once; the program, export, planner and serving
// tier all read this and nothing else.

#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/sha256.h"
#include "model/op.h"
#include "tensor/dtype.h"

namespace trireme {

using NodeId = int;  // inputs are nodes too

struct Source {  // where a layer was declared; empty file: built in code
  std::string file;
  int line = 0;
};

struct Node {
  std::string name;
  std::shared_ptr<const Op> op;  // null for a graph input
  std::vector<NodeId> inputs;
  Shape shape;  // of one sample
  DType dtype = DType::f32;
  std::optional<Shape> channels_last;  // see InputInfo
  std::vector<int> params, state;      // indices into the tables' slots
  int table = -1;                      // index into the graph's embedding tables
  Source where;
  // losses
  std::string target = "target";
  float loss_weight = 1;
};

class Graph {
 public:
  // Image inputs are shape C,H,W and arrive N,H,W,C; int64 inputs features x values.
  NodeId add_input(std::string name, const Shape& shape, DType dtype = DType::f32,
                   Source where = {});
  // Throws ShapeError: "layer c1 (file:12): conv2d: ..."; ConfigError on a duplicate name or
  // unknown input. `shared`: suffix -> "NODE.suffix", weights taken from another node.
  NodeId add(std::string name, std::shared_ptr<const Op> op, std::vector<NodeId> inputs,
             Source where = {}, const std::map<std::string, std::string>& shared = {});
  NodeId add_loss(std::string name, std::shared_ptr<const Op> loss, std::vector<NodeId> inputs,
                  std::string target, float weight, Source where = {});
  void set_output(NodeId node);  // default: the input of the first loss, else the last node
  // Per-slot settings, before freeze(): the first matching pattern's values.
  struct SlotRule {
    std::string pattern;  // glob over slot names
    float lr_scale = 1, decay_scale = 1;
    bool freeze = false;
  };
  void freeze(
      std::span<const SlotRule> rules = {});  // assigns the tables; nothing may be added later

  std::span<const Node> nodes() const { return nodes_; }
  const Node& node(NodeId id) const { return nodes_[static_cast<size_t>(id)]; }
  NodeId find(std::string_view name) const;  // -1: none
  NodeId output() const { return output_; }
  std::vector<NodeId> inputs() const;
  NodeId dense_input() const;  // the first float32 input; -1: none
  NodeId id_input() const;     // the int64 input, "ids"; -1: none
  std::vector<NodeId> losses() const;
  const ParamTable& params() const { return params_; }
  const ParamTable& state() const { return state_; }
  // Embedding tables, in the order of their layers; no two layers share one.
  std::span<const TableSpec> tables() const { return tables_; }
  Digest hash() const;              // names, ops, attributes, edges, tables
  double flops_per_sample() const;  // forward

 private:
  struct PendingSlot {
    Slot slot;
    NodeId first_use;
  };
  void check_dtypes(const Op& op, std::span<const NodeId> inputs) const;
  int claim_table(const TableSpec& spec);
  std::vector<NodeId> with_logical_order(const Op& op, std::vector<NodeId> inputs);
  int claim_slot(const std::string& node_name, const SlotSpec& spec,
                 std::vector<PendingSlot>& pending,
                 const std::map<std::string, std::string>& shared, NodeId user);

  std::vector<Node> nodes_;
  std::vector<PendingSlot> pending_params_, pending_state_;
  ParamTable params_, state_;
  std::vector<TableSpec> tables_;
  NodeId output_ = -1;
  bool frozen_ = false;
};

}  // namespace trireme
