#include "worker/gradients.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "export/data_shape.h"
#include "export/layout.h"
#include "export/slots.h"
#include "model/build.h"
#include "model/program.h"
#include "worker/session.h"

namespace trireme {
namespace {

const HostTensor& find(const std::map<std::string, HostTensor>& tensors, const std::string& name,
                       const Shape& shape, const char* file) {
  const auto at = tensors.find(name);
  if (at == tensors.end()) throw ConfigError(fmt::format("{} has no tensor {}", file, name));
  if (at->second.shape != shape)
    throw ConfigError(fmt::format("{}: {} is {}, the model needs {}", file, name,
                                  at->second.shape.str(), shape.str()));
  return at->second;
}

std::unique_ptr<Graph> graph_of(Experiment experiment, bool dropout) {
  const DataSets data = open_data(experiment.data, experiment.run.seed);
  const DataShape shape = data_shape_of(data.train->preprocessing().schema);
  experiment.model = expand_model(experiment.model, shape);
  for (LayerLine& layer : experiment.model.layers) {
    if (layer.op != "dropout" || dropout) continue;
    std::erase_if(layer.options, [](const auto& option) { return option.first == "p"; });
    layer.options.emplace_back("p", "0");
  }
  return build_graph(experiment, shape);
}

// The batch's samples as the model reads them, logical order. Several input lines each have their
// tensor in the batch, under their names: columns of the samples.
HostTensor read_input(const std::vector<LayerLine>& lines, const Graph& graph,
                      const std::map<std::string, HostTensor>& batch) {
  const bool several = lines.size() > 1;
  const std::string first = several ? lines.front().name : "input";
  const auto given = batch.find(first);
  if (given == batch.end() || given->second.shape.rank() == 0)
    throw ConfigError(fmt::format("the batch file has no tensor {}", first));
  const int64_t n = given->second.shape[0];
  const Shape& sample = graph.node(graph.inputs().front()).shape;
  if (!several) return find(batch, "input", sample.with_batch(n), "the batch file");
  std::vector<float> joined(static_cast<size_t>(n * sample.elements()));
  int64_t begin = 0;
  for (const LayerLine& line : lines) {
    const Shape& part = graph.node(graph.find(line.name)).shape;
    const auto values = find(batch, line.name, part.with_batch(n), "the batch file").floats();
    for (int64_t i = 0; i < n; ++i)
      std::copy_n(values.data() + i * part.elements(), part.elements(),
                  joined.data() + i * sample.elements() + begin);
    begin += part.elements();
  }
  return HostTensor::from(sample.with_batch(n), std::span<const float>(joined));
}

struct Pass {
  AlignedBuffer params, state, grads, arena, packed, input;
  std::vector<double> sums;
};

// All segments over the one leaf: its own sums are the whole batch's.
void run(const Program& program, Workspace& ws, int64_t n) {
  std::vector<double> synced, next;
  for (int s = 0; s < program.segments(); ++s) {
    next.assign(static_cast<size_t>(program.sync_doubles(s)), 0);
    program.run(ws, s, next.data(), nullptr);
    synced.swap(next);
    ws.synced = synced.data();
    ws.synced_samples = static_cast<double>(n);
  }
}

}  // namespace

std::map<std::string, HostTensor> gradients(const Experiment& experiment,
                                            const std::map<std::string, HostTensor>& weights,
                                            const std::map<std::string, HostTensor>& batch) {
  const auto graph = graph_of(experiment, false);
  const Node& in = graph->node(graph->inputs().front());
  const HostTensor input = read_input(experiment.model.inputs, *graph, batch);
  const int64_t n = input.shape[0];
  const auto target = batch.find("target");
  if (target == batch.end() || target->second.shape.rank() == 0 || target->second.shape[0] != n)
    throw ConfigError(fmt::format("the batch file needs a tensor target with {} rows", n));

  prepare_kernel_thread();
  ProgramOptions options;
  options.seed = experiment.run.seed;
  options.sample_weights = batch.contains("weight");
  const auto program =
      Program::compile(*graph, cpu_kernels(experiment.run.cpu_level.c_str()), n, options);
  const auto floats = [](int64_t count) {
    return AlignedBuffer(static_cast<size_t>(count) * sizeof(float));
  };
  Pass pass{floats(graph->params().size()),
            floats(graph->state().size()),
            floats(graph->params().size()),
            AlignedBuffer(program->arena_bytes()),
            AlignedBuffer(program->packed_bytes()),
            floats(input.shape.elements()),
            std::vector<double>(static_cast<size_t>(program->loss_sums()))};
  initial_values(*graph, experiment.run.seed, pass.params.floats(), pass.state.floats());
  for (const Slot& slot : graph->params().slots())
    to_stored(slot, find(weights, slot.name, slot.logical, "the weights file").floats().data(),
              pass.params.floats() + slot.offset);
  to_memory_order(in, n, input.floats().data(), pass.input.floats());
  program->pack(pass.params.floats(), pass.packed.data(), 0, 1, nullptr);

  std::vector<SampleKey> keys(static_cast<size_t>(n));
  std::vector<std::byte*> fields;
  for (const std::string& field : program->fields()) {
    const std::string name = field == program->fields().front() ? "input"
                             : field == "weight"                ? "weight"
                                                                : "target";
    fields.push_back(name == "input" ? pass.input.data()
                                     : const_cast<std::byte*>(batch.at(name).bytes.data()));
  }
  Workspace ws;
  ws.arena = pass.arena.data();
  ws.params = pass.params.floats();
  ws.grads = pass.grads.floats();
  ws.state = pass.state.floats();
  ws.packed = pass.packed.data();
  ws.fields = fields.data();
  ws.keys = keys.data();
  ws.sums = pass.sums.data();
  run(*program, ws, n);

  for (int64_t i = 0; i < graph->params().size(); ++i)
    pass.grads.floats()[i] =
        static_cast<float>(static_cast<double>(pass.grads.floats()[i]) / pass.sums[1]);
  auto result = from_flat(graph->params(), pass.grads.floats());
  double loss = 0;
  const auto losses = graph->losses();
  for (size_t j = 0; j < losses.size(); ++j)
    loss += static_cast<double>(graph->node(losses[j]).loss_weight) * pass.sums[2 * j] /
            pass.sums[2 * j + 1];
  const float value = static_cast<float>(loss);
  result.insert_or_assign("loss", HostTensor::from(Shape{}, std::span(&value, 1)));
  result.insert_or_assign("output",
                          to_logical_tensor(graph->node(graph->output()), n, program->output(ws)));
  return result;
}

std::map<std::string, HostTensor> initial_weights(const Experiment& experiment) {
  const auto graph = graph_of(experiment, true);
  std::vector<float> params(static_cast<size_t>(graph->params().size())),
      state(static_cast<size_t>(graph->state().size()));
  initial_values(*graph, experiment.run.seed, params.data(), state.data());
  return from_flat(graph->params(), params.data());
}

}  // namespace trireme
