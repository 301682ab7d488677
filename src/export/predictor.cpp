#include <fmt/format.h>

#include <algorithm>
#include <mutex>

#include "base/error.h"
#include "export/export.h"
#include "export/forward.h"
#include "export/layout.h"
#include "export/slots.h"

namespace trireme {
namespace {

constexpr int64_t kChunkSamples = 64;

// `given` is `samples` of what the node reads; flat rows do, too.
void check_fits(const char* what, const HostTensor& given, const Node& node, int64_t samples) {
  const bool fits = given.shape.rank() > 0 && given.dtype == node.dtype &&
                    (given.shape == node.shape.with_batch(samples) ||
                     given.shape == Shape{samples, node.shape.elements()});
  if (!fits)
    throw ShapeError(fmt::format("prediction: the {} is {} {}, the model reads {} Nx{}", what,
                                 name_of(given.dtype), given.shape.str(), name_of(node.dtype),
                                 node.shape.str()));
}

}  // namespace

struct Predictor::Impl {
  Impl(const Graph& g, const std::map<std::string, HostTensor>& weights)
      : graph(g),
        params(to_flat(g.params(), weights)),
        state(to_flat(g.state(), weights)),
        tables(g, weights) {}

  // Programs are kept: a stream of full chunks compiles once.
  ForwardPass& pass(int64_t samples) {
    std::unique_ptr<ForwardPass>& slot = passes[samples];
    if (!slot)
      slot = std::make_unique<ForwardPass>(graph, samples, params.floats(), state.floats(), tables);
    return *slot;
  }

  const Graph& graph;
  AlignedBuffer params, state;
  ModelTables tables;
  std::map<int64_t, std::unique_ptr<ForwardPass>> passes;
  std::mutex mutex;  // one run at a time: passes own the memory they write
};

Predictor::Predictor(const Graph& graph, const std::map<std::string, HostTensor>& weights)
    : impl_(std::make_unique<Impl>(graph, weights)) {
  const auto inputs = static_cast<int64_t>(graph.inputs().size());
  if (inputs != (graph.dense_input() >= 0) + (graph.id_input() >= 0))
    throw FormatError(
        fmt::format("prediction: the model has {} inputs; one, and ids, are supported", inputs));
}
Predictor::~Predictor() = default;

HostTensor Predictor::run(const HostTensor& input, const HostTensor& ids) const {
  const Graph& graph = impl_->graph;
  const Node* in = graph.dense_input() < 0 ? nullptr : &graph.node(graph.dense_input());
  const Node* keys = graph.id_input() < 0 ? nullptr : &graph.node(graph.id_input());
  const Node& out = graph.node(graph.output());
  const HostTensor& first = in ? input : ids;
  const int64_t samples = first.shape.rank() == 0 ? 0 : first.shape[0];
  if (in) check_fits("input", input, *in, samples);
  if (keys) check_fits("ids tensor", ids, *keys, samples);
  const std::lock_guard lock(impl_->mutex);
  prepare_kernel_thread();
  HostTensor result = HostTensor::zeros(out.shape.with_batch(samples));
  const int64_t width_in = in ? in->shape.elements() : 0, width_out = out.shape.elements();
  const int64_t width_ids = keys ? keys->shape.elements() : 0;
  for (int64_t begin = 0; begin < samples; begin += kChunkSamples) {
    const int64_t n = std::min(kChunkSamples, samples - begin);
    ForwardPass& pass = impl_->pass(n);
    float* to = result.floats().data() + begin * width_out;
    if (in) to_memory_order(*in, n, input.floats().data() + begin * width_in, pass.dense_input());
    if (keys) std::copy_n(ids.ints().data() + begin * width_ids, n * width_ids, pass.ids());
    to_logical_order(out, n, pass.run(), to);
  }
  return result;
}

}  // namespace trireme
