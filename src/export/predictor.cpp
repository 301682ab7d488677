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

}  // namespace

struct Predictor::Impl {
  Impl(const Graph& g, const std::map<std::string, HostTensor>& weights)
      : graph(g), params(to_flat(g.params(), weights)), state(to_flat(g.state(), weights)) {}

  // Programs are kept: a stream of full chunks compiles once.
  ForwardPass& pass(int64_t samples) {
    std::unique_ptr<ForwardPass>& slot = passes[samples];
    if (!slot)
      slot = std::make_unique<ForwardPass>(graph, samples, params.floats(), state.floats());
    return *slot;
  }

  const Graph& graph;
  AlignedBuffer params, state;
  std::map<int64_t, std::unique_ptr<ForwardPass>> passes;
  std::mutex mutex;  // one run at a time: passes own the memory they write
};

Predictor::Predictor(const Graph& graph, const std::map<std::string, HostTensor>& weights)
    : impl_(std::make_unique<Impl>(graph, weights)) {
  if (graph.inputs().size() != 1)
    throw FormatError(fmt::format("prediction: the model has {} inputs; one is supported",
                                  graph.inputs().size()));
}
Predictor::~Predictor() = default;

HostTensor Predictor::run(const HostTensor& input) const {
  const Node& in = impl_->graph.node(impl_->graph.inputs()[0]);
  const Node& out = impl_->graph.node(impl_->graph.output());
  const int64_t samples = input.shape.rank() == 0 ? 0 : input.shape[0];
  const bool fits = input.shape.rank() > 0 && input.dtype == DType::f32 &&
                    (input.shape == in.shape.with_batch(samples) ||
                     input.shape == Shape{samples, in.shape.elements()});
  if (!fits)
    throw ShapeError(fmt::format("prediction: the input is {} {}, the model reads float32 Nx{}",
                                 name_of(input.dtype), input.shape.str(), in.shape.str()));
  const std::lock_guard lock(impl_->mutex);
  prepare_kernel_thread();
  HostTensor result = HostTensor::zeros(out.shape.with_batch(samples));
  const int64_t width_in = in.shape.elements(), width_out = out.shape.elements();
  for (int64_t begin = 0; begin < samples; begin += kChunkSamples) {
    const int64_t n = std::min(kChunkSamples, samples - begin);
    ForwardPass& pass = impl_->pass(n);
    const float* from = input.floats().data() + begin * width_in;
    float* to = result.floats().data() + begin * width_out;
    float* field = reinterpret_cast<float*>(pass.field(0));
    to_memory_order(in, n, from, field);
    to_logical_order(out, n, pass.run(), to);
  }
  return result;
}

}  // namespace trireme
