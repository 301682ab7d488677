#include "worker/gradients.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "base/error.h"
#include "export/data_shape.h"
#include "export/layout.h"
#include "export/slots.h"
#include "model/build.h"
#include "model/program.h"
#include "worker/batch_fields.h"
#include "worker/mean_loss.h"
#include "worker/tables/gradient_tables.h"

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

// The batch's samples as the model reads them, logical order; rank 0: it reads ids alone. Several
// input lines each have their tensor in the batch, under their names: columns of the samples.
HostTensor read_input(const std::vector<LayerLine>& lines, const Graph& graph,
                      const std::map<std::string, HostTensor>& batch) {
  if (graph.dense_input() < 0) return {};
  const bool several = lines.size() > 1;
  const std::string first = several ? lines.front().name : "input";
  const auto given = batch.find(first);
  if (given == batch.end() || given->second.shape.rank() == 0)
    throw ConfigError(fmt::format("the batch file has no tensor {}", first));
  const int64_t n = given->second.shape[0];
  const Shape& sample = graph.node(graph.dense_input()).shape;
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

// Memory of a device, filled from the host and read back.
class OnDevice {
 public:
  explicit OnDevice(const Device& device) : device_(device), stream_(device.stream()) {}
  DeviceBuffer zeros(size_t bytes) const {
    return device_.allocate(bytes, Memory::device, "the pass");
  }
  DeviceBuffer copy_of(const void* data, size_t bytes) const {
    DeviceBuffer buffer = zeros(bytes);
    device_.copy(buffer.data(), data, bytes, stream_);
    device_.synchronise(stream_);
    return buffer;
  }
  template <class T>
  std::vector<T> read(const void* from, size_t count) const {
    std::vector<T> values(count);
    device_.copy(values.data(), from, count * sizeof(T), stream_);
    device_.synchronise(stream_);
    return values;
  }
  const DeviceStream& stream() const { return stream_; }

 private:
  const Device& device_;
  DeviceStream stream_;
};

std::vector<float> stored_weights(const ParamTable& table,
                                  const std::map<std::string, HostTensor>& weights) {
  std::vector<float> flat(static_cast<size_t>(table.size()));
  for (const Slot& slot : table.slots())
    to_stored(slot, find(weights, slot.name, slot.logical, "the weights file").floats().data(),
              flat.data() + slot.offset);
  return flat;
}

// Empty where the model reads none.
std::vector<LayerLine> dense_inputs(const Experiment& experiment) {
  std::vector<LayerLine> lines = experiment.model.inputs;
  std::erase_if(lines, [](const LayerLine& line) { return line.name == "ids"; });
  return lines;
}

const HostTensor& read_ids(const Graph& graph, const std::map<std::string, HostTensor>& batch,
                           int64_t n) {
  const HostTensor& ids =
      find(batch, "ids", graph.node(graph.id_input()).shape.with_batch(n), "the batch file");
  if (ids.dtype != DType::i64)
    throw ConfigError(
        fmt::format("the batch file: ids is {}, the model needs int64", name_of(ids.dtype)));
  return ids;
}

// The batch in the order of the program's fields.
std::vector<DeviceBuffer> fields_of(const Program& program, const Graph& graph,
                                    const HostTensor& input, int64_t n,
                                    const std::map<std::string, HostTensor>& batch,
                                    const OnDevice& memory) {
  std::vector<DeviceBuffer> fields;
  const auto add = [&](const HostTensor& given) {
    fields.push_back(memory.copy_of(given.bytes.data(), given.bytes.size()));
  };
  for (const BatchField field : batch_fields(graph, program)) {
    if (field == BatchField::input) {
      std::vector<float> values(input.floats().size());
      to_memory_order(graph.node(graph.dense_input()), n, input.floats().data(), values.data());
      fields.push_back(memory.copy_of(values.data(), values.size() * sizeof(float)));
    } else if (field == BatchField::ids) {
      add(read_ids(graph, batch, n));
    } else {
      add(batch.at(field == BatchField::weight ? "weight" : "target"));
    }
  }
  return fields;
}

// All segments over the one leaf: its own sums are the whole batch's.
void run(const Program& program, Workspace& ws, int64_t n, const OnDevice& memory) {
  DeviceBuffer synced, next;
  for (int s = 0; s < program.segments(); ++s) {
    next = memory.zeros(static_cast<size_t>(program.sync_doubles(s)) * sizeof(double));
    program.run(ws, s, reinterpret_cast<double*>(next.data()), nullptr);
    (void)memory.read<double>(next.data(), 0);  // waits: the buffer before may go
    std::swap(synced, next);
    ws.synced = reinterpret_cast<const double*>(synced.data());
    ws.synced_samples = static_cast<double>(n);
  }
}

void check(Status status) {
  if (status != Status::ok) throw DeviceError("a conversion between precisions failed");
}

}  // namespace

std::map<std::string, HostTensor> gradients(const Device& device, const Experiment& experiment,
                                            const std::map<std::string, HostTensor>& weights,
                                            const std::map<std::string, HostTensor>& batch) {
  const auto graph = graph_of(experiment, false);
  const HostTensor input = read_input(dense_inputs(experiment), *graph, batch);
  const auto target = batch.find("target");
  const bool has_target = target != batch.end() && target->second.shape.rank() > 0;
  const int64_t n = input.shape.rank() > 0 ? input.shape[0]
                    : has_target           ? target->second.shape[0]
                                           : 0;
  if (!has_target || target->second.shape[0] != n)
    throw ConfigError(fmt::format("the batch file needs a tensor target with {} rows", n));

  device.make_current();
  if (device.is_host()) prepare_kernel_thread();
  ProgramOptions options;
  options.seed = experiment.run.seed;
  options.sample_weights = batch.contains("weight");
  const auto program = Program::compile(*graph, device.kernels(), n, options);
  const OnDevice memory(device);
  const ParamTable& table = graph->params();
  std::vector<float> values(static_cast<size_t>(table.size())),
      running(static_cast<size_t>(graph->state().size()));
  initial_values(*graph, experiment.run.seed, values.data(), running.data());
  values = stored_weights(table, weights);
  const size_t bytes = values.size() * sizeof(float);
  const DeviceBuffer params = memory.copy_of(values.data(), bytes), grads = memory.zeros(bytes),
                     state = memory.copy_of(running.data(), running.size() * sizeof(float)),
                     arena = memory.zeros(program->arena_bytes()),
                     packed = memory.zeros(program->packed_bytes()),
                     low = memory.zeros(device.kernels().element == ElementType::f32
                                            ? 0
                                            : values.size() * bytes_of(device.kernels().element)),
                     keys = memory.zeros(static_cast<size_t>(n) * sizeof(SampleKey)),
                     sums =
                         memory.zeros(static_cast<size_t>(program->loss_sums()) * sizeof(double)),
                     constants = memory.copy_of(program->constants().data(),
                                                program->constants().size_bytes());
  std::optional<GradientTables> tables;
  if (!graph->tables().empty()) {
    tables.emplace(*graph, experiment.run.seed, read_ids(*graph, batch, n).ints().data(), n);
    tables->load(*graph, weights);
  }
  const auto buffers = fields_of(*program, *graph, input, n, batch, memory);
  std::vector<std::byte*> fields;
  for (const DeviceBuffer& buffer : buffers) fields.push_back(buffer.data());
  Workspace ws;
  ws.arena = arena.data();
  ws.params = params.floats();
  ws.grads = grads.floats();
  ws.state = state.floats();
  ws.packed = packed.data();
  ws.low = low.data();
  ws.constants = constants.floats();
  ws.fields = fields.data();
  ws.keys = reinterpret_cast<const SampleKey*>(keys.data());
  ws.sums = reinterpret_cast<double*>(sums.data());
  ws.stream = memory.stream().get();
  if (tables) ws.tables = tables->upload(device, memory.stream());
  const KernelTable& k = device.kernels();
  if (low.size() > 0)
    check(
        k.narrow(ws.stream, table.size(), params.floats(), reinterpret_cast<Element*>(low.data())));
  ws.alone = true;
  program->pack(params.floats(), packed.data(), 0, 1, ws.stream);
  run(*program, ws, n, memory);
  if (tables) tables->download(device, memory.stream());

  const auto totals = memory.read<double>(sums.data(), static_cast<size_t>(program->loss_sums()));
  auto flat = memory.read<float>(grads.data(), values.size());
  for (float& g : flat) g = static_cast<float>(static_cast<double>(g) / totals[1]);
  auto result = from_flat(table, flat.data());
  if (tables) tables->append_gradients(totals[1], result);
  const auto loss = static_cast<float>(mean_loss(loss_weights(*graph), totals.data()));
  const Node& out = graph->node(graph->output());
  const int64_t outputs = n * out.shape.elements();
  const DeviceBuffer wide = memory.zeros(static_cast<size_t>(outputs) * sizeof(float));
  check(k.widen(ws.stream, outputs, program->output(ws), wide.floats()));
  const auto output = memory.read<float>(wide.data(), static_cast<size_t>(outputs));
  result.insert_or_assign("loss", HostTensor::from(Shape{}, std::span(&loss, 1)));
  result.insert_or_assign("output", to_logical_tensor(out, n, output.data()));
  return result;
}

std::map<std::string, HostTensor> initial_weights(const Experiment& experiment,
                                                  const std::map<std::string, HostTensor>& batch) {
  const auto graph = graph_of(experiment, true);
  std::vector<float> params(static_cast<size_t>(graph->params().size())),
      state(static_cast<size_t>(graph->state().size()));
  initial_values(*graph, experiment.run.seed, params.data(), state.data());
  auto result = from_flat(graph->params(), params.data());
  const auto ids = batch.find("ids");
  if (!graph->tables().empty() && ids != batch.end() && ids->second.shape.rank() > 0) {
    const int64_t n = ids->second.shape[0];
    GradientTables(*graph, experiment.run.seed, read_ids(*graph, batch, n).ints().data(), n)
        .append_rows(result);
  }
  return result;
}

}  // namespace trireme
