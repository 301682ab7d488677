#include <fmt/format.h>

#include <set>

#include "base/error.h"
#include "base/text.h"
#include "export/export.h"
#include "export/onnx/builder.h"
#include "export/onnx/check.h"
#include "export/onnx/import.h"
#include "export/tables.h"
#include "model/build.h"

namespace trireme {
namespace {

// Rebuilds a graph layer by layer.
class GraphReader {
 public:
  // shared: tables in which the same id of two features is one row.
  GraphReader(const onnx::GraphProto& proto, std::set<std::string> shared)
      : proto_(proto), shared_(std::move(shared)) {}

  void read(LoadedModel& model) {
    model.graph = std::make_unique<Graph>();
    for (const onnx::TensorProto& tensor : proto_.initializer())
      initializers_.emplace(tensor.name(), read_tensor(tensor));
    add_inputs(*model.graph);
    std::vector<const onnx::NodeProto*> nodes;
    for (const onnx::NodeProto& node : proto_.node()) nodes.push_back(&node);
    for (OnnxNodes rest = nodes; !rest.empty();) {
      const ImportedLayer layer = import_layer(rest, initializers_);
      add_layer(*model.graph, layer, NodeReader(*rest[layer.operators - 1]));
      rest = rest.subspan(layer.operators);
    }
    set_output(*model.graph);
    for (const auto& [slot, initializer] : slots_)
      model.weights[slot] = initializers_.find(initializer)->second;
    for (const TableSpec& spec : model.graph->tables()) read_table(spec, model);
  }

 private:
  // The file's rows end with one of zeros, for ids that have none.
  void read_table(const TableSpec& spec, LoadedModel& model) const {
    const std::string keys = table_tensor(spec, "keys"), name = table_tensor(spec, "rows");
    const auto found = initializers_.find(keys);
    if (found == initializers_.end())
      throw FormatError(fmt::format("ONNX model: no initializer {}", keys));
    HostTensor rows = initializers_.find(name)->second;
    rows.shape = Shape{rows.shape[0] - 1, spec.dim};
    rows.bytes.resize(static_cast<size_t>(rows.shape.elements()) * sizeof(float));
    model.weights[keys] = found->second;
    model.weights[name] = std::move(rows);
  }

  // Numbers of rows that one layer reads: in the graph, all layers read ids.
  void add_ids(Graph& graph, const std::string& name, const Shape& shape) {
    NodeId ids = graph.find("ids");
    if (ids < 0) ids = graph.add_input("ids", shape, DType::i64);
    if (graph.node(ids).shape != shape)
      throw FormatError(fmt::format("ONNX input {}: {} row numbers a sample, other inputs have {}",
                                    name, shape.str(), graph.node(ids).shape.str()));
    values_[name] = ids;
  }

  void add_inputs(Graph& graph) {
    for (const onnx::ValueInfoProto& input : proto_.input()) {
      if (initializers_.contains(input.name())) continue;
      const onnx::TypeProto::Tensor& type = input.type().tensor_type();
      std::vector<int64_t> dims;
      for (int i = 1; i < type.shape().dim_size(); ++i) {
        if (type.shape().dim(i).dim_value() <= 0)
          throw FormatError(
              fmt::format("ONNX input {}: axis {} has no fixed extent", input.name(), i),
              "only the batch (axis 0) may be symbolic");
        dims.push_back(type.shape().dim(i).dim_value());
      }
      if (type.elem_type() == onnx::TensorProto::INT64 && dims.size() == 2) {
        add_ids(graph, input.name(), Shape(dims));
        continue;
      }
      if (type.elem_type() != onnx::TensorProto::FLOAT || dims.empty())
        throw FormatError(fmt::format("ONNX input {}: only float32 with a batch axis is supported",
                                      input.name()));
      values_[input.name()] = graph.add_input(input.name(), Shape(dims));
    }
  }

  NodeId value(const NodeReader& node, const std::string& name) const {
    const auto found = values_.find(name);
    if (found == values_.end())
      node.fail(
          initializers_.contains(name)
              ? fmt::format("reads initializer {} where only a computed value is supported", name)
              : fmt::format("reads {}, which is not known", name));
    return found->second;
  }

  void add_layer(Graph& graph, ImportedLayer layer, const NodeReader& node) {
    for (const auto& [key, value] : layer.attributes)
      if (key == "table" && shared_.contains(std::get<std::string>(value))) {
        layer.attributes.emplace_back("per_feature", int64_t{0});
        break;
      }
    std::vector<NodeId> inputs;
    for (const std::string& name : layer.inputs) inputs.push_back(value(node, name));
    if (layer.kind.empty()) {
      values_[layer.output] = inputs[0];
      return;
    }
    check_axis(graph, layer, inputs[0], node);
    std::map<std::string, std::string> shared;
    for (const auto& [suffix, initializer] : layer.weights) {
      const std::string slot = layer.name + "." + suffix;
      const bool statistic = suffix.starts_with("running_");  // never shared between layers
      const auto [owner, first] = owners_.try_emplace(initializer, slot);
      if (first || statistic)
        slots_[slot] = initializer;
      else
        shared[suffix] = owner->second;
    }
    try {
      values_[layer.output] =
          graph.add(layer.name, make_op(layer.kind, layer.attributes), inputs, {}, shared);
    } catch (const ConfigError& e) {
      node.fail(e.what(), e.hint());
    }
  }

  static void check_axis(const Graph& graph, const ImportedLayer& layer, NodeId input,
                         const NodeReader& node) {
    if (!layer.axis) return;
    const int64_t rank = graph.node(input).shape.rank() + 1;
    const int64_t expected = rank == 3 ? 2 : 1;
    const int64_t axis = *layer.axis < 0 ? *layer.axis + rank : *layer.axis;
    if (axis != expected)
      node.fail(fmt::format("axis {} is not supported; only {} (channels or features)", *layer.axis,
                            expected));
  }

  void set_output(Graph& graph) {
    if (proto_.output_size() != 1)
      throw FormatError(
          fmt::format("ONNX model: {} outputs; one is supported", proto_.output_size()));
    const auto found = values_.find(proto_.output(0).name());
    if (found == values_.end())
      throw FormatError(
          fmt::format("ONNX model: no operator computes the output {}", proto_.output(0).name()));
    graph.set_output(found->second);
    graph.freeze();
  }

  const onnx::GraphProto& proto_;
  const std::set<std::string> shared_;
  Initializers initializers_;
  std::map<std::string, NodeId> values_;
  std::map<std::string, std::string> owners_;  // initializer -> the slot that had it first
  std::map<std::string, std::string> slots_;   // slot -> initializer
};

void check_versions(const onnx::ModelProto& proto, const std::string& file) {
  for (const onnx::OperatorSetIdProto& opset : proto.opset_import())
    if (opset.domain().empty() && opset.version() != kOnnxOpset)
      throw FormatError(
          fmt::format("{}: opset {}; only {} is supported", file, opset.version(), kOnnxOpset));
}

// How ids become rows is no matter of operators: the file's own metadata says it.
std::set<std::string> shared_tables(const onnx::ModelProto& proto) {
  std::set<std::string> names;
  for (const onnx::StringStringEntryProto& entry : proto.metadata_props())
    if (entry.key() == "trireme.shared_tables")
      for (const std::string& name : split(entry.value(), ','))
        if (!name.empty()) names.insert(name);
  return names;
}

void check_slots(const LoadedModel& model, const std::string& file) {
  for (const ParamTable* table : {&model.graph->params(), &model.graph->state()})
    for (const Slot& slot : table->slots()) {
      const auto found = model.weights.find(slot.name);
      if (found == model.weights.end())
        throw FormatError(fmt::format("{}: no initializer for {}", file, slot.name));
      if (found->second.shape != slot.logical || found->second.dtype != DType::f32)
        throw FormatError(fmt::format("{}: initializer of {} is {} {}, the layer needs float32 {}",
                                      file, slot.name, name_of(found->second.dtype),
                                      found->second.shape.str(), slot.logical.str()));
    }
}

}  // namespace

LoadedModel read_onnx(const Path& file) {
  const MappedFile bytes(file);
  onnx::ModelProto proto;
  if (bytes.bytes().size() > size_t{INT32_MAX} ||
      !proto.ParseFromArray(bytes.bytes().data(), static_cast<int>(bytes.bytes().size())))
    throw FormatError(file.string() + ": not an ONNX file, or cut off", "export the model again");
  check_onnx(proto, file.string());
  check_versions(proto, file.string());
  LoadedModel model;
  try {
    GraphReader(proto.graph(), shared_tables(proto)).read(model);
    check_slots(model, file.string());
    for (const onnx::StringStringEntryProto& entry : proto.metadata_props()) {
      if (entry.key() == "trireme.config") model.config = entry.value();
      if (entry.key() == "trireme.preprocessing")
        model.preprocessing = Preprocessing::from_json(entry.value());
    }
  } catch (
      const Error& e) {  // also shapes that overflow or do not fit: the file's fault, all of them
    const std::string what = e.what();
    throw FormatError(what.starts_with(file.string()) ? what : file.string() + ": " + what,
                      e.hint());
  }
  return model;
}

}  // namespace trireme
