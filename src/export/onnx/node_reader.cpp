#include "export/onnx/node_reader.h"

#include <fmt/format.h>

#include "base/error.h"
#include "base/text.h"

namespace trireme {

std::string NodeReader::name() const {
  if (!node_.name().empty()) return node_.name();
  return node_.output_size() > 0 ? node_.output(0) : std::string("unnamed");
}

void NodeReader::fail(const std::string& what, const std::string& hint) const {
  throw FormatError(fmt::format("ONNX operator {} ({}): {}", name(), node_.op_type(), what), hint);
}

const onnx::AttributeProto* NodeReader::find(std::string_view name,
                                             onnx::AttributeProto::AttributeType type) {
  asked_.emplace(name);
  for (const onnx::AttributeProto& attribute : node_.attribute()) {
    if (attribute.name() != name) continue;
    if (attribute.type() != type)
      fail(fmt::format("attribute {} has type {}, expected {}", name,
                       onnx::AttributeProto::AttributeType_Name(attribute.type()),
                       onnx::AttributeProto::AttributeType_Name(type)));
    return &attribute;
  }
  return nullptr;
}

int64_t NodeReader::integer(std::string_view name, int64_t fallback) {
  const auto* attribute = find(name, onnx::AttributeProto::INT);
  return attribute ? attribute->i() : fallback;
}

double NodeReader::number(std::string_view name, double fallback) {
  const auto* attribute = find(name, onnx::AttributeProto::FLOAT);
  // The shortest decimal of the float: 1e-05 reads back as 1e-05, not as 9.99999974e-06.
  return attribute ? *parse_double(fmt::format("{}", attribute->f())) : fallback;
}

std::vector<int64_t> NodeReader::integers(std::string_view name, std::vector<int64_t> fallback) {
  const auto* attribute = find(name, onnx::AttributeProto::INTS);
  if (!attribute) return fallback;
  return {attribute->ints().begin(), attribute->ints().end()};
}

void NodeReader::expect(std::string_view name, int64_t value, int64_t fallback) {
  if (const int64_t found = integer(name, fallback); found != value)
    fail(fmt::format("attribute {} is {}; only {} is supported", name, found, value));
}

void NodeReader::expect_inputs(int least, int most) const {
  const int count = node_.input_size();
  if (count < least || count > most)
    fail(fmt::format(
        "{} inputs, expected {}", count,
        least == most ? fmt::format("{}", least) : fmt::format("{} to {}", least, most)));
  for (const std::string& input : node_.input())
    if (input.empty()) fail("an omitted input is not supported");
  if (node_.output_size() != 1) fail(fmt::format("{} outputs, expected 1", node_.output_size()));
}

void NodeReader::finish() const {
  for (const onnx::AttributeProto& attribute : node_.attribute())
    if (!asked_.contains(attribute.name()))
      fail(fmt::format("attribute {} is not supported", attribute.name()));
}

}  // namespace trireme
