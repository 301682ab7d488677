#include <fmt/format.h>

#include "base/error.h"
#include "export/attributes.h"
#include "export/export.h"
#include "export/onnx/check.h"
#include "export/onnx/emit.h"
#include "export/slots.h"
#include "export/tables.h"

namespace trireme {
namespace {

constexpr size_t kProtobufLimit = (size_t{1} << 31) - 1;
constexpr char kOutput[] = "output";

void describe_value(onnx::ValueInfoProto* value, const std::string& name, const Shape& sample,
                    DType dtype = DType::f32) {
  value->set_name(name);
  onnx::TypeProto::Tensor* type = value->mutable_type()->mutable_tensor_type();
  type->set_elem_type(dtype == DType::i64 ? onnx::TensorProto::INT64 : onnx::TensorProto::FLOAT);
  type->mutable_shape()->add_dim()->set_dim_param("N");
  for (int64_t dim : sample.dims()) type->mutable_shape()->add_dim()->set_dim_value(dim);
}

// Which nodes the output depends on: losses and what only they read are left out.
std::vector<bool> needed_nodes(const Graph& graph) {
  std::vector<bool> needed(graph.nodes().size());
  needed[static_cast<size_t>(graph.output())] = true;
  for (size_t i = needed.size(); i-- > 0;)
    if (needed[i])
      for (NodeId id : graph.nodes()[i].inputs) needed[static_cast<size_t>(id)] = true;
  return needed;
}

// Writes the layers that the output depends on, in graph order.
class GraphWriter {
 public:
  GraphWriter(const TrainedModel& model, onnx::GraphProto& proto)
      : graph_(*model.graph),
        tables_(graph_, model.weights),
        proto_(proto),
        onnx_(proto),
        values_(graph_.nodes().size()) {
    add_weights(model);
  }

  void write() {
    const std::vector<bool> needed = needed_nodes(graph_);
    for (size_t i = 0; i < needed.size(); ++i) {
      const Node& node = graph_.nodes()[i];
      if (!node.op)
        add_input(i, needed[i]);
      else if (needed[i])
        add_layer(i);
    }
    const size_t last = static_cast<size_t>(graph_.output());
    if (values_[last] != kOutput) onnx_.node("Identity", kOutput, {values_[last]}, kOutput);
    describe_value(proto_.add_output(), kOutput, graph_.node(graph_.output()).shape);
  }

 private:
  void add_weights(const TrainedModel& model) {
    const std::vector<bool> needed = needed_nodes(graph_);
    for (size_t i = 0; i < needed.size(); ++i) {
      if (!needed[i]) continue;
      const Node& node = graph_.nodes()[i];
      for (int k : node.params) add_weight(model, graph_.params().slots()[static_cast<size_t>(k)]);
      for (int k : node.state) add_weight(model, graph_.state().slots()[static_cast<size_t>(k)]);
    }
  }

  void add_weight(const TrainedModel& model, const Slot& slot) {
    onnx_.tensor(slot.name, slot_tensor(model.weights, slot));
  }

  void add_input(size_t i, bool needed) {
    const Node& node = graph_.nodes()[i];
    if (!needed)
      throw FormatError(
          fmt::format("ONNX export: the output does not depend on input {}", node.name));
    if (node.dtype == DType::i64) return;  // each layer that reads ids has an input of row numbers
    if (node.name == kOutput)
      throw FormatError("ONNX export: the input is called output", "rename it in model.input");
    values_[i] = node.name;
    describe_value(proto_.add_input(), node.name, node.shape);
  }

  void add_layer(size_t i) {
    const Node& node = graph_.nodes()[i];
    if (is_transparent(node.op->kind())) {
      values_[i] = values_[static_cast<size_t>(node.inputs[0])];
      return;
    }
    values_[i] = value_name(i);
    EmitContext context{onnx_, graph_, node, {}, values_[i]};
    for (NodeId id : node.inputs) context.inputs.push_back(values_[static_cast<size_t>(id)]);
    if (node.table >= 0) add_table(node, context);
    emit_layer(context);
  }

  // What the layer reads of its table: the rows, one of zeros after them, and their numbers as an
  // input of the model.
  void add_table(const Node& node, EmitContext& context) {
    const TableSpec& spec = graph_.tables()[static_cast<size_t>(node.table)];
    const ModelTables::Table& table = tables_.tables()[static_cast<size_t>(node.table)];
    HostTensor rows = table.rows;
    rows.shape = Shape{rows.shape[0] + 1, spec.dim};
    rows.bytes.resize(rows.shape.elements() * sizeof(float));
    const std::string numbers = node.name + "/rows";
    describe_value(proto_.add_input(), numbers, graph_.node(node.inputs.front()).shape, DType::i64);
    onnx_.integers(table_tensor(spec, "keys"), table.keys.ints());
    context.table_rows = table.rows.shape[0];
    context.inputs = {onnx_.tensor(table_tensor(spec, "rows"), rows), numbers};
  }

  // A value is called like its layer; the graph's output is "output".
  std::string value_name(size_t i) const {
    if (static_cast<NodeId>(i) == graph_.output()) return kOutput;
    const std::string& name = graph_.nodes()[i].name;
    return name == kOutput ? name + "/value" : name;
  }

  const Graph& graph_;
  const ModelTables tables_;
  onnx::GraphProto& proto_;
  OnnxBuilder onnx_;
  std::vector<std::string> values_;  // by node
};

void add_metadata(onnx::ModelProto& proto, const std::string& key, const std::string& value) {
  onnx::StringStringEntryProto* entry = proto.add_metadata_props();
  entry->set_key(key);
  entry->set_value(value);
}

std::string layers_json(const Graph& graph) {
  nlohmann::ordered_json layers = nlohmann::ordered_json::array();
  for (const Node& node : graph.nodes()) {
    if (!node.op || node.op->is_loss()) continue;
    nlohmann::ordered_json inputs = nlohmann::ordered_json::array();
    for (NodeId id : node.inputs) inputs.push_back(graph.node(id).name);
    layers.push_back({{"name", node.name},
                      {"kind", node.op->kind()},
                      {"attributes", attributes_to_json(node.op->attributes())},
                      {"inputs", inputs}});
  }
  return layers.dump();
}

// Tables whose keys are the ids themselves, not mixed with the number of the feature.
std::string shared_tables(const Graph& graph) {
  std::string names;
  for (const Node& node : graph.nodes())
    if (node.table >= 0 && !node.op->table()->per_feature)
      names += (names.empty() ? "" : ",") + node.op->table()->spec.name;
  return names;
}

// What strict shape inference found for each layer's value must be the graph's own shape.
void check_shapes(const Graph& graph, const onnx::GraphProto& proto) {
  for (const onnx::ValueInfoProto& value : proto.value_info()) {
    const NodeId id = graph.find(value.name());
    if (id < 0) continue;
    const onnx::TensorShapeProto& shape = value.type().tensor_type().shape();
    std::vector<int64_t> dims;
    for (int i = 1; i < shape.dim_size(); ++i) dims.push_back(shape.dim(i).dim_value());
    if (Shape(dims) != graph.node(id).shape)
      throw FormatError(fmt::format("ONNX export: layer {} gives {} per sample, ONNX infers {}",
                                    value.name(), graph.node(id).shape.str(), Shape(dims).str()));
  }
}

}  // namespace

void write_onnx(const TrainedModel& model, const Path& file) {
  onnx::ModelProto proto;
  proto.set_ir_version(kOnnxIrVersion);
  proto.set_producer_name("trireme");
  proto.set_producer_version(TRIREME_VERSION);
  onnx::OperatorSetIdProto* opset = proto.add_opset_import();
  opset->set_domain("");
  opset->set_version(kOnnxOpset);
  proto.mutable_graph()->set_name("trireme");
  GraphWriter(model, *proto.mutable_graph()).write();
  add_metadata(proto, "trireme.version", TRIREME_VERSION);
  add_metadata(proto, "trireme.preprocessing", model.preprocessing.to_json());
  add_metadata(proto, "trireme.config", model.config);
  add_metadata(proto, "trireme.origin", model.origin);
  add_metadata(proto, "trireme.layers", layers_json(*model.graph));
  if (!model.graph->tables().empty())
    add_metadata(proto, "trireme.shared_tables", shared_tables(*model.graph));
  if (proto.ByteSizeLong() > kProtobufLimit)
    throw FormatError(fmt::format("{}: {} bytes are more than protobuf's limit of 2 GiB",
                                  file.string(), proto.ByteSizeLong()),
                      "export.formats = safetensors has no limit");
  check_onnx(proto, file.string());
  check_shapes(*model.graph, proto.graph());
  write_atomic(file, proto.SerializeAsString());
}

}  // namespace trireme
