#include "export/onnx/builder.h"

namespace trireme {

onnx::AttributeProto& OnnxNode::attribute(std::string_view name) {
  onnx::AttributeProto* attribute = proto_.add_attribute();
  attribute->set_name(std::string(name));
  return *attribute;
}

OnnxNode& OnnxNode::integer(std::string_view name, int64_t value) {
  onnx::AttributeProto& a = attribute(name);
  a.set_type(onnx::AttributeProto::INT);
  a.set_i(value);
  return *this;
}

OnnxNode& OnnxNode::number(std::string_view name, double value) {
  onnx::AttributeProto& a = attribute(name);
  a.set_type(onnx::AttributeProto::FLOAT);
  a.set_f(static_cast<float>(value));
  return *this;
}

OnnxNode& OnnxNode::integers(std::string_view name, std::span<const int64_t> values) {
  onnx::AttributeProto& a = attribute(name);
  a.set_type(onnx::AttributeProto::INTS);
  for (int64_t value : values) a.add_ints(value);
  return *this;
}

OnnxNode OnnxBuilder::node(std::string_view op_type, const std::string& name,
                           const std::vector<std::string>& inputs, const std::string& output) {
  onnx::NodeProto* node = graph_.add_node();
  node->set_op_type(std::string(op_type));
  node->set_name(name);
  for (const std::string& input : inputs) node->add_input(input);
  node->add_output(output);
  return OnnxNode(*node);
}

std::string OnnxBuilder::tensor(const std::string& name, const HostTensor& value) {
  if (!initializers_.insert(name).second) return name;
  onnx::TensorProto* tensor = graph_.add_initializer();
  tensor->set_name(name);
  tensor->set_data_type(onnx::TensorProto::FLOAT);
  for (int64_t dim : value.shape.dims()) tensor->add_dims(dim);
  tensor->set_raw_data(value.bytes.data(), value.bytes.size());
  return name;
}

std::string OnnxBuilder::integers(const std::string& name, std::span<const int64_t> values) {
  if (!initializers_.insert(name).second) return name;
  onnx::TensorProto* tensor = graph_.add_initializer();
  tensor->set_name(name);
  tensor->set_data_type(onnx::TensorProto::INT64);
  tensor->add_dims(static_cast<int64_t>(values.size()));
  tensor->set_raw_data(values.data(), values.size_bytes());
  return name;
}

std::string OnnxBuilder::scalar(const std::string& name, float value) {
  return tensor(name, HostTensor::from(Shape{}, std::span<const float>(&value, 1)));
}

}  // namespace trireme
