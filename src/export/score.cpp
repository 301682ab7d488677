#include "export/score.h"

#include <algorithm>
#include <cstring>
#include <optional>

#include "export/data_shape.h"
#include "export/forward.h"
#include "export/slots.h"

namespace trireme {
namespace {

constexpr int64_t kChunkSamples = 64;

// The experiment's losses over a given output, as a graph without weights. Null when a loss reads
// another layer.
std::unique_ptr<Graph> loss_graph(const Graph& declared) {
  auto graph = std::make_unique<Graph>();
  const Node& output = declared.node(declared.output());
  const NodeId given = graph->add_input("given", output.shape);
  const NodeId in = graph->add("given/output", make_op("dropout", {{"p", 0.5}}), {given});
  for (NodeId id : declared.losses()) {
    const Node& loss = declared.node(id);
    if (loss.inputs != std::vector<NodeId>{declared.output()}) return nullptr;
    graph->add_loss(loss.name, loss.op, {in}, loss.target, loss.loss_weight);
  }
  graph->freeze();
  return graph;
}

// What one chunk of samples is read into.
struct Batch {
  Batch(const Schema& schema, int64_t capacity)
      : labels(static_cast<size_t>(capacity)),
        targets(static_cast<size_t>(capacity * std::max<int64_t>(schema.target_width, 1))),
        weights(static_cast<size_t>(capacity)) {}
  std::vector<int64_t> labels;
  std::vector<float> targets, weights;
};

class Scorer {
 public:
  Scorer(const LoadedModel& model, const Experiment& experiment, const DataSource& source)
      : graph_(*model.graph),
        source_(source),
        schema_(source.preprocessing().schema),
        metrics_(experiment.model, data_shape_of(schema_), schema_.class_names),
        params_(to_flat(graph_.params(), model.weights)),
        state_(to_flat(graph_.state(), model.weights)),
        tables_(graph_, model.weights),
        batch_(schema_, kChunkSamples),
        metric_sums_(static_cast<size_t>(metrics_.doubles())) {
    has_losses_ = !graph_.losses().empty();
    if (!has_losses_) tail_ = loss_graph(*build_graph(experiment, data_shape_of(schema_)));
    loss_sums_.resize(loss_owner() ? 2 * loss_owner()->losses().size() : 0);
  }

  ModelScore run() {
    prepare_kernel_thread();
    const int64_t size = source_.size(), full = size / kChunkSamples * kChunkSamples;
    score_range(0, full, kChunkSamples);
    if (size > full) score_range(full, size, size - full);
    ModelScore score;
    score.samples = size;
    if (loss_owner()) score.values.push_back({"loss", mean_loss()});
    for (MetricValue& value : metrics_.finish(metric_sums_, std::move(scores_)))
      score.values.push_back(std::move(value));
    if (metrics_.has_confusion()) score.confusion = metrics_.confusion(metric_sums_);
    score.class_names = metrics_.class_names();
    return score;
  }

 private:
  const Graph* loss_owner() const { return has_losses_ ? &graph_ : tail_.get(); }

  void score_range(int64_t begin, int64_t end, int64_t chunk) {
    if (begin == end) return;
    ForwardPass pass(graph_, chunk, params_.floats(), state_.floats(), tables_, has_losses_,
                     has_losses_ && schema_.weighted);
    const ModelTables none(Graph{}, {});
    std::optional<ForwardPass> tail;
    if (tail_)
      tail.emplace(*tail_, chunk, params_.floats(), state_.floats(), none, true, schema_.weighted);
    for (int64_t i = begin; i < end; i += chunk)
      score_chunk(i, chunk, pass, tail ? &*tail : nullptr);
  }

  void score_chunk(int64_t begin, int64_t n, ForwardPass& pass, ForwardPass* tail) {
    read(begin, n, pass.dense_input(), pass.ids());
    if (has_losses_) set_targets(n, graph_, pass);
    const float* output = pass.run();
    const int64_t width = graph_.node(graph_.output()).shape.elements();
    if (tail) {
      std::memcpy(tail->field(0), output, static_cast<size_t>(n * width) * sizeof(float));
      set_targets(n, *tail_, *tail);
      tail->run();
    }
    if (loss_owner()) add(loss_sums_, (tail ? *tail : pass).sums());
    std::vector<double> sums(metric_sums_.size());
    metrics_.accumulate(n, width, output, batch_.labels.data(), batch_.targets.data(),
                        schema_.weighted ? batch_.weights.data() : nullptr, sums.data());
    add(metric_sums_, sums);
    if (metrics_.gathers())
      metrics_.gather(n, width, output, batch_.labels.data(),
                      schema_.weighted ? batch_.weights.data() : nullptr, pass.ids(), scores_);
  }

  // Null: the model does not read it.
  void read(int64_t begin, int64_t n, float* input, int64_t* ids) {
    const int64_t width = schema_.input.elements(), keys = schema_.ids();
    const int64_t target_width = std::max<int64_t>(schema_.target_width, 1);
    for (int64_t i = 0; i < n; ++i) {
      const uint64_t id = static_cast<uint64_t>(begin + i);
      source_.read(id, {0, id, id}, /*augment=*/false,
                   {input ? input + i * width : nullptr, &batch_.labels[static_cast<size_t>(i)],
                    batch_.targets.data() + i * target_width,
                    schema_.weighted ? &batch_.weights[static_cast<size_t>(i)] : nullptr,
                    ids ? ids + i * keys : nullptr});
    }
  }

  // Fields after the inputs: the target (labels or values), then weights.
  void set_targets(int64_t n, const Graph& graph, ForwardPass& pass) {
    const auto copy = [](std::byte* to, const auto* from, int64_t count) {
      std::memcpy(to, from, static_cast<size_t>(count) * sizeof(*from));
    };
    for (size_t i = graph.inputs().size(); i < pass.fields().size(); ++i) {
      const bool weight = schema_.weighted && i + 1 == pass.fields().size();
      if (weight)
        copy(pass.field(i), batch_.weights.data(), n);
      else if (schema_.classes > 0)
        copy(pass.field(i), batch_.labels.data(), n);
      else
        copy(pass.field(i), batch_.targets.data(), n * std::max<int64_t>(schema_.target_width, 1));
    }
  }

  static void add(std::vector<double>& totals, std::span<const double> sums) {
    for (size_t i = 0; i < totals.size(); ++i) totals[i] += sums[i];
  }

  double mean_loss() const {
    double total = 0;
    const auto losses = loss_owner()->losses();
    for (size_t i = 0; i < losses.size(); ++i)
      if (loss_sums_[2 * i + 1] > 0)
        total += double{loss_owner()->node(losses[i]).loss_weight} * loss_sums_[2 * i] /
                 loss_sums_[2 * i + 1];
    return total;
  }

  const Graph& graph_;
  const DataSource& source_;
  const Schema& schema_;
  MetricSet metrics_;
  AlignedBuffer params_, state_;
  ModelTables tables_;
  Batch batch_;
  std::vector<double> metric_sums_, loss_sums_;
  Scores scores_;
  bool has_losses_ = false;
  std::unique_ptr<Graph> tail_;
};

}  // namespace

ModelScore score_model(const LoadedModel& model, const Experiment& experiment,
                       const DataSource& source) {
  return Scorer(model, experiment, source).run();
}

}  // namespace trireme
