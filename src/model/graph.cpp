#include "model/graph.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "base/text.h"
#include "model/build.h"

namespace trireme {
namespace {

std::string place(const std::string& name, const Source& where) {
  return where.file.empty() ? fmt::format("layer {}", name)
                            : fmt::format("layer {} ({}:{})", name, where.file, where.line);
}

std::vector<InputInfo> describe(std::span<const Node> nodes, std::span<const NodeId> inputs) {
  std::vector<InputInfo> infos;
  for (NodeId id : inputs)
    infos.push_back(
        {nodes[static_cast<size_t>(id)].shape, nodes[static_cast<size_t>(id)].channels_last});
  return infos;
}

std::string print(const Attribute& attribute) {
  return std::visit(
      [](const auto& v) -> std::string {
        using T = std::decay_t<decltype(v)>;
        if constexpr (std::is_same_v<T, std::string>)
          return v;
        else if constexpr (std::is_arithmetic_v<T>)
          return fmt::format("{}", v);
        else
          return fmt::format("{}", fmt::join(v, ","));
      },
      attribute);
}

}  // namespace

NodeId Graph::find(std::string_view name) const {
  for (size_t i = 0; i < nodes_.size(); ++i)
    if (nodes_[i].name == name) return static_cast<NodeId>(i);
  return -1;
}

NodeId Graph::add_input(std::string name, const Shape& shape, DType dtype, Source where) {
  Node node;
  node.name = std::move(name);
  node.shape = shape;
  node.dtype = dtype;
  node.where = std::move(where);
  nodes_.push_back(std::move(node));
  return static_cast<NodeId>(nodes_.size()) - 1;
}

// Inputs whose memory is H,W,C but whose shape is flat reach an op that minds the order only
// through a to_logical op. All inputs of one op must agree.
std::vector<NodeId> Graph::with_logical_order(const Op& op, std::vector<NodeId> inputs) {
  const auto order = [&](NodeId id) { return node(id).channels_last; };
  bool keep = op.keeps_channels_last();
  for (NodeId id : inputs) keep = keep && order(id) == order(inputs.front());
  if (keep) return inputs;
  for (NodeId& id : inputs) {
    if (!order(id)) continue;
    const std::string name = node(id).name + "_logical";
    const NodeId existing = find(name);
    if (existing >= 0) {
      id = existing;
      continue;
    }
    const Shape image = *order(id);
    const auto dims = image.dims();
    Node convert;
    convert.name = name;
    convert.op = make_op("to_logical", {{"shape", std::vector<int64_t>(dims.begin(), dims.end())}});
    convert.inputs = {id};
    convert.shape = node(id).shape;
    convert.where = node(id).where;
    nodes_.push_back(std::move(convert));
    id = static_cast<NodeId>(nodes_.size()) - 1;
  }
  return inputs;
}

void Graph::check_dtypes(const Op& op, std::span<const NodeId> inputs) const {
  for (size_t i = 0; i < inputs.size(); ++i) {
    const Node& in = node(inputs[i]);
    const DType wanted = op.input_dtype(static_cast<int>(i));
    if (in.dtype == wanted) continue;
    throw ShapeError(
        fmt::format("{}: reads {}, but {} is {}", op.kind(), name_of(wanted), in.name,
                    name_of(in.dtype)),
        wanted == DType::i64 ? "give it the ids: from=ids" : "look ids up in a table first");
  }
}

int Graph::claim_slot(const std::string& node_name, const SlotSpec& spec,
                      std::vector<PendingSlot>& pending,
                      const std::map<std::string, std::string>& shared, NodeId user) {
  const auto tie = shared.find(spec.suffix);
  if (tie != shared.end()) {
    for (size_t i = 0; i < pending.size(); ++i) {
      if (pending[i].slot.name != tie->second) continue;
      if (pending[i].slot.logical != spec.logical)
        throw ShapeError(fmt::format("{}.{} is {}, but shares {} which is {}", node_name,
                                     spec.suffix, spec.logical.str(), tie->second,
                                     pending[i].slot.logical.str()));
      if (pending[i].slot.permutation != spec.permutation)
        throw ShapeError(
            fmt::format(
                "{}.{} shares {}, but one of them reads a flattened image in channels-last order",
                node_name, spec.suffix, tie->second),
            "tie only layers that both follow, or both do not follow, a flattened image");
      return static_cast<int>(i);
    }
    throw ConfigError(
        fmt::format("{}.{} shares {}, which does not exist", node_name, spec.suffix, tie->second),
        "name a weight of an earlier layer, as in weight=embed.weight");
  }
  Slot slot;
  slot.name = node_name + "." + spec.suffix;
  slot.logical = spec.logical;
  slot.view = spec.view.rank() == 0 && spec.logical.rank() != 0 ? spec.logical : spec.view;
  slot.permutation = spec.permutation;
  slot.count = spec.logical.elements();
  slot.init = spec.init;
  slot.fan_in = spec.fan_in;
  slot.fan_out = spec.fan_out;
  slot.decays = spec.decays;
  pending.push_back({std::move(slot), user});
  return static_cast<int>(pending.size()) - 1;
}

int Graph::claim_table(const TableSpec& spec) {
  for (const TableSpec& other : tables_)
    if (other.name == spec.name)
      throw ShapeError(fmt::format("table {} belongs to another layer already", spec.name),
                       "one layer may look up all features; give this one a table of its own");
  tables_.push_back(spec);
  return static_cast<int>(tables_.size()) - 1;
}

NodeId Graph::add(std::string name, std::shared_ptr<const Op> op, std::vector<NodeId> inputs,
                  Source where, const std::map<std::string, std::string>& shared) {
  if (frozen_) throw ConfigError(fmt::format("layer {}: the graph is frozen", name));
  if (find(name) >= 0)
    throw ConfigError(fmt::format("{}: the name is taken", place(name, where)),
                      "choose another name");
  for (NodeId id : inputs)
    if (id < 0 || id >= static_cast<NodeId>(nodes_.size()))
      throw ConfigError(fmt::format("{}: input {} does not exist", place(name, where), id));
  try {
    check_dtypes(*op, inputs);
    inputs = with_logical_order(*op, std::move(inputs));
    std::vector<Shape> shapes;
    for (NodeId id : inputs) shapes.push_back(node(id).shape);
    const std::vector<InputInfo> infos = describe(nodes_, inputs);
    Node added;
    added.shape = op->infer(shapes);
    const NodeId id = static_cast<NodeId>(nodes_.size());
    for (const SlotSpec& spec : op->params(infos))
      added.params.push_back(claim_slot(name, spec, pending_params_, shared, id));
    for (const SlotSpec& spec : op->state(infos))
      added.state.push_back(claim_slot(name, spec, pending_state_, {}, id));
    if (const auto use = op->table()) added.table = claim_table(use->spec);
    if (op->kind() == "flatten" && shapes[0].rank() == 3 && shapes[0][0] > 1 &&
        shapes[0][1] * shapes[0][2] > 1)
      added.channels_last = shapes[0];
    else if (op->keeps_channels_last() && added.params.empty() && !inputs.empty() &&
             added.shape == shapes[0])
      added.channels_last = infos[0].channels_last;
    added.name = std::move(name);
    added.op = std::move(op);
    added.inputs = std::move(inputs);
    added.where = std::move(where);
    nodes_.push_back(std::move(added));
    return id;
  } catch (const ShapeError& e) {
    throw ShapeError(fmt::format("{}: {}", place(name, where), e.what()), e.hint());
  }
}

NodeId Graph::add_loss(std::string name, std::shared_ptr<const Op> loss, std::vector<NodeId> inputs,
                       std::string target, float weight, Source where) {
  const NodeId id = add(std::move(name), std::move(loss), std::move(inputs), std::move(where));
  nodes_[static_cast<size_t>(id)].target = std::move(target);
  nodes_[static_cast<size_t>(id)].loss_weight = weight;
  if (output_ < 0) output_ = nodes_[static_cast<size_t>(id)].inputs.front();
  return id;
}

void Graph::set_output(NodeId id) { output_ = id; }

void Graph::freeze(std::span<const SlotRule> rules) {
  if (frozen_) return;
  if (output_ < 0) output_ = static_cast<NodeId>(nodes_.size()) - 1;
  const auto lay_out = [&](std::vector<PendingSlot>& pending, bool trainable) {
    std::vector<int> order(pending.size());
    for (size_t i = 0; i < order.size(); ++i) order[i] = static_cast<int>(i);
    std::stable_sort(order.begin(), order.end(), [&](int a, int b) {
      return pending[static_cast<size_t>(a)].first_use > pending[static_cast<size_t>(b)].first_use;
    });
    std::vector<int> position(pending.size());
    std::vector<Slot> slots;
    for (size_t k = 0; k < order.size(); ++k) {
      position[static_cast<size_t>(order[k])] = static_cast<int>(k);
      Slot slot = pending[static_cast<size_t>(order[k])].slot;
      slot.trainable = trainable;
      for (const SlotRule& rule : rules) {
        if (!trainable || !glob_match(rule.pattern, slot.name)) continue;
        slot.lr_scale *= rule.lr_scale;
        slot.decay_scale *= rule.decay_scale;
        if (rule.freeze) slot.trainable = false;
      }
      slots.push_back(std::move(slot));
    }
    for (Node& n : nodes_)
      for (int& index : trainable ? n.params : n.state)
        index = position[static_cast<size_t>(index)];
    return ParamTable(std::move(slots));
  };
  params_ = lay_out(pending_params_, true);
  state_ = lay_out(pending_state_, false);
  frozen_ = true;
}

std::vector<NodeId> Graph::inputs() const {
  std::vector<NodeId> ids;
  for (size_t i = 0; i < nodes_.size(); ++i)
    if (!nodes_[i].op) ids.push_back(static_cast<NodeId>(i));
  return ids;
}

NodeId Graph::dense_input() const {
  for (NodeId id : inputs())
    if (node(id).dtype == DType::f32) return id;
  return -1;
}

NodeId Graph::id_input() const {
  for (NodeId id : inputs())
    if (node(id).dtype == DType::i64) return id;
  return -1;
}

std::vector<NodeId> Graph::losses() const {
  std::vector<NodeId> ids;
  for (size_t i = 0; i < nodes_.size(); ++i)
    if (nodes_[i].op && nodes_[i].op->is_loss()) ids.push_back(static_cast<NodeId>(i));
  return ids;
}

Digest Graph::hash() const {
  Sha256 sha;
  for (const Node& n : nodes_) {
    const std::string_view input = n.dtype == DType::f32 ? "input" : name_of(n.dtype);
    sha.update(fmt::format("{} {} {} target={} weight={} in={}", n.name,
                           n.op ? n.op->kind() : input, n.shape.str(), n.target, n.loss_weight,
                           fmt::join(n.inputs, ",")));
    if (n.op)
      for (const auto& [key, value] : n.op->attributes())
        sha.update(fmt::format(" {}={}", key, print(value)));
    sha.update("\n");
  }
  sha.update(params_.hash().hex());
  sha.update(state_.hash().hex());
  for (const TableSpec& t : tables_)
    sha.update(fmt::format("table {} {} {} {} {}\n", t.name, t.dim, static_cast<int>(t.init.kind),
                           t.init.a, t.init.b));
  return sha.finish();
}

double Graph::flops_per_sample() const {
  double total = 0;
  for (const Node& n : nodes_) {
    if (!n.op) continue;
    std::vector<Shape> shapes;
    for (NodeId id : n.inputs) shapes.push_back(node(id).shape);
    total += n.op->cost(shapes).flops;
  }
  return total;
}

}  // namespace trireme
