#include "model/ops/recorded_case.h"

#include <filesystem>
#include <fstream>

#include "model/build.h"

namespace trireme::test {
namespace {

Attributes to_attributes(const nlohmann::json& json) {
  Attributes attributes;
  for (const auto& [key, value] : json.items()) {
    if (value.is_string())
      attributes.emplace_back(key, value.get<std::string>());
    else if (value.is_number_integer())
      attributes.emplace_back(key, value.get<int64_t>());
    else if (value.is_number())
      attributes.emplace_back(key, value.get<double>());
    else if (value.at(0).is_number_integer())
      attributes.emplace_back(key, value.get<std::vector<int64_t>>());
    else
      attributes.emplace_back(key, value.get<std::vector<double>>());
  }
  return attributes;
}

// A batch in logical order as it arrives: images N,H,W,C.
std::vector<float> to_memory(const std::vector<float>& logical, const Shape& sample) {
  if (sample.rank() != 3) return logical;
  const int64_t channels = sample[0], area = sample[1] * sample[2];
  std::vector<float> memory(logical.size());
  for (size_t i = 0; i < logical.size(); ++i) {
    const auto at = static_cast<int64_t>(i);
    const int64_t image = at / (channels * area), c = at / area % channels, s = at % area;
    memory[static_cast<size_t>((image * area + s) * channels + c)] = logical[i];
  }
  return memory;
}

}  // namespace

std::unique_ptr<Graph> RecordedCase::graph() const {
  auto graph = std::make_unique<Graph>();
  const auto dims = json.at("input").get<std::vector<int64_t>>();
  NodeId last = graph->add_input("x", Shape(std::span<const int64_t>(dims)));
  for (const auto& node : json.at("nodes")) {
    std::vector<NodeId> inputs;
    for (const auto& input : node.at("inputs"))
      inputs.push_back(graph->find(input.get<std::string>()));
    const auto name = node.at("name").get<std::string>();
    std::map<std::string, std::string> shared;
    if (json.contains("shared"))
      for (const auto& [user, owner] : json.at("shared").items())
        if (user.starts_with(name + ".")) shared[user.substr(name.size() + 1)] = owner;
    last = graph->add(
        name, make_op(node.at("kind").get<std::string>(), to_attributes(node.at("attributes"))),
        inputs, {}, shared);
  }
  if (graph->node(last).shape.rank() != 1)
    last = graph->add("flat", make_op("flatten", {}), {last});
  const auto& loss = json.at("loss");
  graph->add_loss("loss",
                  make_op(loss.at("kind").get<std::string>(), to_attributes(loss.at("attributes"))),
                  {last}, "target", 1);
  graph->freeze();
  return graph;
}

std::unique_ptr<ModelRun> RecordedCase::run(const Graph& graph, int leaves) const {
  const auto& values = json.at("values");
  auto run = std::make_unique<ModelRun>(graph, kRecordedSamples / leaves, leaves,
                                        values.contains("weight"));
  run->set_field("x", to_memory(values.at("x").get<std::vector<float>>(), graph.node(0).shape));
  if (values.at("target").at(0).is_number_integer())
    run->set_field("target", values.at("target").get<std::vector<int64_t>>());
  else
    run->set_field("target", values.at("target").get<std::vector<float>>());
  if (values.contains("weight"))
    run->set_field("weight", values.at("weight").get<std::vector<float>>());
  for (const Slot& slot : graph.params().slots())
    run->set_logical(slot.name, values.at(slot.name).get<std::vector<float>>());
  return run;
}

std::vector<RecordedCase> recorded_cases() {
  std::vector<RecordedCase> cases;
  const std::filesystem::path folder =
      std::filesystem::path(TRIREME_SOURCE_DIR) / "tests/model/ops/recorded";
  for (const char* family :
       {"dense", "conv", "pool", "norm", "shape", "interaction", "activation", "loss"}) {
    std::ifstream file(folder / (std::string(family) + ".json"));
    for (auto& json : nlohmann::json::parse(file))
      cases.push_back({json.at("name").get<std::string>(), json});
  }
  return cases;
}

}  // namespace trireme::test
