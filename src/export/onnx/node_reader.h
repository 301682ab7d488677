#pragma once
// Reading one ONNX operator with nothing overlooked: an attribute that nobody asked for is an
// error.

#include <onnx/onnx_pb.h>

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace trireme {

class NodeReader {
 public:
  explicit NodeReader(const onnx::NodeProto& node) : node_(node) {}
  const onnx::NodeProto& proto() const { return node_; }
  std::string name() const;  // the operator's, else its first output's

  // The attribute, or `fallback` when the operator does not have it. FormatError on another type.
  int64_t integer(std::string_view name, int64_t fallback);
  double number(std::string_view name, double fallback);
  std::vector<int64_t> integers(std::string_view name, std::vector<int64_t> fallback);
  // FormatError unless the attribute is absent or has this value.
  void expect(std::string_view name, int64_t value, int64_t fallback);
  // FormatError unless there are between `least` and `most` inputs, none of them omitted.
  void expect_inputs(int least, int most) const;
  // FormatError when an attribute was never asked for.
  void finish() const;
  // Throws FormatError "ONNX operator NAME (TYPE): what".
  [[noreturn]] void fail(const std::string& what, const std::string& hint = {}) const;

 private:
  const onnx::AttributeProto* find(std::string_view name, onnx::AttributeProto::AttributeType type);
  const onnx::NodeProto& node_;
  std::set<std::string, std::less<>> asked_;
};

}  // namespace trireme
