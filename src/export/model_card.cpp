#include "export/model_card.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"

namespace trireme {
namespace {

constexpr size_t kShownNames = 20;

std::string shown(std::vector<std::string> names) {
  const size_t all = names.size();
  names.resize(std::min(all, kShownNames));
  return join(names, ", ") + (all > kShownNames ? fmt::format(", ... ({} in all)", all) : "");
}

std::string numbers(const std::vector<double>& values) {
  std::vector<std::string> texts;
  for (double v : values) texts.push_back(fmt::format("{:.6g}", v));
  return shown(std::move(texts));
}

std::string architecture(const TrainedModel& model) {
  std::string text = "## Model\n\n| layer | kind | output per sample |\n|---|---|---|\n";
  for (const Node& node : model.graph->nodes())
    if (node.op && !node.op->is_loss())
      text += fmt::format("| {} | {} | {} |\n", node.name, node.op->kind(), node.shape.str());
  int64_t count = 0;
  for (const Slot& slot : model.graph->params().slots()) count += slot.count;
  return text + fmt::format("\n{} parameters.\n", count);
}

std::string interface_text(const TrainedModel& model) {
  const Graph& graph = *model.graph;
  const Node& output = graph.node(graph.output());
  const Schema& schema = model.preprocessing.schema;
  std::string text = "## Input and output\n\n";
  for (NodeId id : graph.inputs()) {
    const Node& input = graph.node(id);
    if (input.dtype == DType::i64)
      text += fmt::format("- `{}`: int64, N x {} (features, values), -1: none; N is free.\n",
                          input.name, input.shape.str());
    else
      text += fmt::format("- `{}`: float32, N x {}{}, normalised as below; N is free.\n",
                          input.name, input.shape.str(),
                          input.shape.rank() == 3 ? " (channels, height, width)" : "");
  }
  text += fmt::format("- `output`: float32, N x {}{}.\n", output.shape.str(),
                      schema.classes > 0 ? ", logits (no softmax or sigmoid applied)" : "");
  if (schema.classes > 0 && !schema.class_names.empty())
    text += fmt::format("- Classes, in order: {}.\n", shown(schema.class_names));
  return text;
}

// Images from CSV columns are normalised by column.
bool per_channel(const Preprocessing& p) {
  return p.schema.image && static_cast<int64_t>(p.normalization.mean.size()) == p.schema.input[0];
}

std::string preprocessing_text(const Preprocessing& preprocessing) {
  std::string text = "## Preprocessing\n\n";
  const Normalization& n = preprocessing.normalization;
  if (n.mean.empty())
    text += "None: the model reads the values as they are stored.\n";
  else
    text += fmt::format("Each {}: `x' = (x - mean) / std`.\n\n- mean: {}\n- std: {}\n",
                        per_channel(preprocessing) ? "channel" : "column", numbers(n.mean),
                        numbers(n.std));
  std::vector<std::string> columns;
  for (const auto& column : preprocessing.features.columns) columns.push_back(column.name);
  if (!columns.empty()) text += fmt::format("\nColumns, in order: {}.\n", shown(columns));
  if (!preprocessing.schema.id_names.empty())
    text += fmt::format("\nIds, in order: {}.\n", shown(preprocessing.schema.id_names));
  return text + "\nExactly, for programs: `preprocessing.json`.\n";
}

std::string parity_text(const Goldens& goldens, const std::vector<ParityReport>& reports,
                        double atol, double rtol) {
  std::string text = fmt::format(
      "## Parity\n\n{} recorded samples were replayed through each file, read back from disk; "
      "every output "
      "lies within {:g} + {:g} |y| of what training's own program gave (`goldens.safetensors`: "
      "`input`, "
      "`output`).\n\n",
      goldens.output.shape[0], atol, rtol);
  for (const ParityReport& report : reports) text += "- " + report.text + "\n";
  return text;
}

std::string usage_text(const Graph& graph, const std::vector<std::string>& formats) {
  std::string text = "## Use\n\n```\ntrireme predict . --input FILE\n```\n";
  const auto has = [&](const char* f) { return std::ranges::find(formats, f) != formats.end(); };
  if (has("onnx"))
    text += fmt::format(
        "\n```python\nimport onnxruntime\nsession = onnxruntime.InferenceSession(\"model.onnx\")\n"
        "y = session.run([\"output\"], {{\"{}\": x}})[0]  # x: float32, normalised\n```\n",
        graph.node(graph.inputs().at(0)).name);
  if (has("safetensors"))
    text +=
        "\n```python\nfrom safetensors.torch import load_file\n"
        "module.load_state_dict(load_file(\"model.safetensors\"))  # PyTorch's names and layouts; "
        "layers above\n"
        "# with batch norm: strict=False, as PyTorch also counts batches "
        "(num_batches_tracked)\n```\n";
  return text;
}

}  // namespace

std::string model_card(const TrainedModel& model, const Goldens& goldens,
                       const std::vector<std::string>& formats,
                       const std::vector<ParityReport>& reports, double atol, double rtol) {
  std::string text = fmt::format(
      "# Exported model\n\nWritten by Trireme {} from {}. The experiment: "
      "`experiment.ini`.\n\n",
      TRIREME_VERSION, model.origin.empty() ? "a graph" : model.origin);
  return text + interface_text(model) + "\n" + preprocessing_text(model.preprocessing) + "\n" +
         parity_text(goldens, reports, atol, rtol) + "\n" + usage_text(*model.graph, formats) +
         "\n" + architecture(model);
}

}  // namespace trireme
