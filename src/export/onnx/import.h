#pragma once
// From ONNX operators back to layers. What counts is what another runtime would compute: operator
// types, attributes and initializers, never our own metadata.

#include <map>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "export/onnx/node_reader.h"
#include "model/op.h"
#include "tensor/buffer.h"

namespace trireme {

using OnnxNodes = std::span<const onnx::NodeProto* const>;
using Initializers = std::map<std::string, HostTensor, std::less<>>;

// One layer as ONNX describes it.
struct ImportedLayer {
  std::string name, output;  // the layer, the value it produces
  std::string kind;          // "" : only passes its input on
  Attributes attributes;
  std::vector<std::string> inputs;                           // values
  std::vector<std::pair<std::string, std::string>> weights;  // slot suffix, initializer
  size_t operators = 1;                                      // how many it took
  std::optional<int64_t> axis;  // counted with the batch; must be that of channels or features
};

// The layer that starts at nodes[0] and may take several operators. Throws FormatError naming
// operator and type for anything that no layer of ours computes.
ImportedLayer import_layer(OnnxNodes nodes, const Initializers& initializers);

// Families; nullopt: not one of theirs.
std::optional<ImportedLayer> import_composed(OnnxNodes nodes, const Initializers& initializers);
std::optional<ImportedLayer> import_weighted(OnnxNodes nodes, const Initializers& initializers);
std::optional<ImportedLayer> import_tables(OnnxNodes nodes, const Initializers& initializers);
std::optional<ImportedLayer> import_plain(OnnxNodes nodes, const Initializers& initializers);

// A layer of that kind that starts as `node` spells it: its name, first output and inputs.
ImportedLayer start_layer(const NodeReader& node, std::string kind);

// The initializer read by `node` as input i; FormatError when that input is computed.
const HostTensor& require_initializer(const NodeReader& node, int i,
                                      const Initializers& initializers);

// A tensor of the file as f32 or i64; FormatError on other types, external data, and sizes that do
// not fit.
HostTensor read_tensor(const onnx::TensorProto& tensor);

}  // namespace trireme
