#include "worker/batch_fields.h"

namespace trireme {

std::vector<BatchField> batch_fields(const Graph& graph, const Program& program) {
  std::vector<BatchField> fields;
  for (NodeId input : graph.inputs())
    fields.push_back(graph.node(input).dtype == DType::i64 ? BatchField::ids : BatchField::input);
  for (size_t f = fields.size(); f < program.fields().size(); ++f)
    fields.push_back(program.fields()[f] == "weight" ? BatchField::weight : BatchField::target);
  return fields;
}

}  // namespace trireme
