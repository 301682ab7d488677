#include "export/test_models.h"

#include <unistd.h>

#include <cmath>
#include <cstdlib>

#include "base/rng.h"

namespace trireme::testing_models {
namespace {

using Pair = std::vector<int64_t>;

Attributes conv(int64_t filters, int64_t kernel, int64_t stride, int64_t padding, bool bias) {
  return {{"filters", filters},
          {"kernel", Pair{kernel, kernel}},
          {"stride", Pair{stride, stride}},
          {"padding", Pair{padding, padding}},
          {"bias", int64_t{bias}}};
}

}  // namespace

GraphMaker::GraphMaker(const Shape& input) { graph_->add_input("input", input); }

NodeId GraphMaker::layer(const std::string& name, const std::string& kind,
                         const Attributes& attributes, std::vector<NodeId> inputs,
                         const std::map<std::string, std::string>& shared) {
  if (inputs.empty()) inputs = {last_};
  last_ = graph_->add(name, make_op(kind, attributes), std::move(inputs), {}, shared);
  return last_;
}

std::unique_ptr<Graph> GraphMaker::finish() {
  graph_->set_output(last_);
  graph_->freeze();
  return std::move(graph_);
}

std::unique_ptr<Graph> lenet_like() {
  GraphMaker m({1, 12, 12});
  m.layer("c1", "conv2d", conv(6, 5, 1, 2, true));
  m.layer("c1_relu", "relu");
  m.layer("s1", "max_pool2d", {{"size", Pair{2, 2}}});
  m.layer("c2", "conv2d", conv(7, 3, 1, 0, true));
  m.layer("c2_tanh", "tanh");
  m.layer("s2", "avg_pool2d", {{"size", Pair{2, 2}}});
  m.layer("drop", "dropout", {{"p", 0.25}});
  m.layer("flat", "flatten");
  m.layer("f1", "dense", {{"units", int64_t{11}}});
  m.layer("f1_relu", "relu");
  m.layer("f2", "dense", {{"units", int64_t{10}}});
  return m.finish();
}

std::unique_ptr<Graph> resnet_like() {
  GraphMaker m({3, 8, 8});
  m.layer("conv1", "conv2d", conv(4, 3, 1, 1, false));
  m.layer("bn1", "batch_norm");
  const NodeId start = m.layer("relu1", "relu");
  m.layer("layer1.0.conv1", "conv2d", conv(8, 3, 2, 1, false));
  m.layer("layer1.0.bn1", "batch_norm");
  m.layer("layer1.0.relu1", "relu");
  m.layer("layer1.0.conv2", "conv2d", conv(8, 3, 1, 1, false));
  const NodeId main = m.layer("layer1.0.bn2", "batch_norm", {{"epsilon", 1e-3}});
  m.layer("layer1.0.downsample.0", "conv2d", conv(8, 1, 2, 0, false), {start});
  const NodeId side = m.layer("layer1.0.downsample.1", "batch_norm");
  m.layer("layer1.0.add", "add", {}, {main, side});
  m.layer("layer1.0.relu2", "relu");
  m.layer("pool", "global_avg_pool");
  m.layer("fc", "dense", {{"units", int64_t{5}}});
  return m.finish();
}

std::map<std::string, HostTensor> random_weights(const Graph& graph, uint64_t seed) {
  std::map<std::string, HostTensor> weights;
  for (const ParamTable* table : {&graph.params(), &graph.state()})
    for (const Slot& slot : table->slots()) {
      HostTensor tensor = HostTensor::zeros(slot.logical);
      const double scale = 1 / std::sqrt(static_cast<double>(std::max<int64_t>(slot.fan_in, 1)));
      for (size_t i = 0; i < tensor.floats().size(); ++i) {
        const double u = to_unit_double(philox(mix(seed, hash_name(slot.name)), i, 0)[0], 0);
        const bool variance = slot.name.ends_with("running_var");
        tensor.floats()[i] = static_cast<float>(variance ? 0.5 + u : (2 * u - 1) * 2 * scale);
      }
      weights.emplace(slot.name, std::move(tensor));
    }
  return weights;
}

TrainedModel trained(const Graph& graph, std::map<std::string, HostTensor> weights) {
  TrainedModel model;
  model.graph = &graph;
  model.weights = std::move(weights);
  const Shape& input = graph.node(0).shape;
  model.preprocessing.schema.image = input.rank() == 3;
  model.preprocessing.schema.input = input.rank() == 3 ? input : Shape{input.elements()};
  model.preprocessing.schema.classes = graph.node(graph.output()).shape.elements();
  model.origin = "a test";
  return model;
}

TemporaryDir::TemporaryDir() {
  std::string pattern = (std::filesystem::temp_directory_path() / "trireme-export-XXXXXX").string();
  path_ = mkdtemp(pattern.data());
}
TemporaryDir::~TemporaryDir() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}
size_t TemporaryDir::entries() const {
  const std::filesystem::directory_iterator files(path_);
  return static_cast<size_t>(std::distance(begin(files), end(files)));
}

}  // namespace trireme::testing_models
