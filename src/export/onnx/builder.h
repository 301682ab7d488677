#pragma once
// Small steps of writing an ONNX graph: nodes with attributes, initializers written once.

#include <onnx/onnx_pb.h>

#include <cstdint>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tensor/buffer.h"

namespace trireme {

constexpr int kOnnxOpset = 17;
constexpr int kOnnxIrVersion = 8;

// One operator being written.
class OnnxNode {
 public:
  explicit OnnxNode(onnx::NodeProto& proto) : proto_(proto) {}
  OnnxNode& integer(std::string_view name, int64_t value);
  OnnxNode& number(std::string_view name, double value);
  OnnxNode& integers(std::string_view name, std::span<const int64_t> values);

 private:
  onnx::AttributeProto& attribute(std::string_view name);
  onnx::NodeProto& proto_;
};

class OnnxBuilder {
 public:
  explicit OnnxBuilder(onnx::GraphProto& graph) : graph_(graph) {}
  // Appends an operator with one output. Nodes must come in an order that can be executed.
  OnnxNode node(std::string_view op_type, const std::string& name,
                const std::vector<std::string>& inputs, const std::string& output);
  // Each adds an initializer unless one of that name was added before; returns the name.
  std::string tensor(const std::string& name, const HostTensor& value);  // f32
  std::string integers(const std::string& name, std::span<const int64_t> values);
  std::string scalar(const std::string& name, float value);

 private:
  onnx::GraphProto& graph_;
  std::set<std::string> initializers_;
};

}  // namespace trireme
