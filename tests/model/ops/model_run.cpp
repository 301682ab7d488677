#include "model/ops/model_run.h"

#include <cstring>

namespace trireme::test {

ModelRun::ModelRun(const Graph& graph, int64_t samples, int leaves, bool weighted, Mode mode,
                   const KernelTable& kernels)
    : graph_(graph),
      program_(Program::compile(
          graph, kernels, samples,
          {.mode = mode, .seed = 1, .sample_weights = weighted, .input_gradients = false})),
      samples_(samples),
      leaves_(static_cast<size_t>(leaves)),
      packed_(program_->packed_bytes()),
      params_(static_cast<size_t>(graph.params().size())),
      gradients_(params_.size()),
      state_(static_cast<size_t>(graph.state().size())) {
  uint64_t position = 0;
  for (Leaf& leaf : leaves_) {
    leaf.arena = AlignedBuffer(program_->arena_bytes());
    leaf.sums.resize(static_cast<size_t>(program_->loss_sums()));
    leaf.fields.resize(program_->fields().size());
    for (int64_t i = 0; i < samples; ++i, ++position) leaf.keys.push_back({0, position, position});
  }
  for (const Slot& slot : graph.state().slots())
    if (slot.init.kind == Init::ones) std::fill_n(state_.begin() + slot.offset, slot.count, 1.0f);
}

void ModelRun::set_bytes(const std::string& name, const void* data, size_t bytes) {
  auto& field = fields_[name];
  field.resize(bytes);
  std::memcpy(field.data(), data, bytes);
  for (size_t i = 0; i < leaves_.size(); ++i)
    for (size_t k = 0; k < program_->fields().size(); ++k)
      if (program_->fields()[k] == name)
        leaves_[i].fields[k] = field.data() + i * (bytes / leaves_.size());
}
void ModelRun::set_field(const std::string& name, const std::vector<float>& values) {
  set_bytes(name, values.data(), values.size() * sizeof(float));
}
void ModelRun::set_field(const std::string& name, const std::vector<int64_t>& values) {
  set_bytes(name, values.data(), values.size() * sizeof(int64_t));
}
void ModelRun::set_logical(const std::string& name, const std::vector<float>& values) {
  const Slot* slot = graph_.params().find(name);
  to_stored(*slot, values.data(), params_.data() + slot->offset);
}

// Gradients start as noise: what the program does not set must not be read.
Workspace ModelRun::workspace(Leaf& leaf, const std::vector<double>& synced) {
  Workspace ws;
  ws.arena = leaf.arena.data();
  ws.params = params_.data();
  ws.gate = gate_;
  ws.grads = leaf.gradients.data();
  ws.state = state_.data();
  ws.packed = packed_.data();
  ws.fields = leaf.fields.data();
  ws.keys = leaf.keys.data();
  ws.sums = leaf.sums.data();
  ws.synced = synced.data();
  ws.synced_samples = static_cast<double>(samples_) * static_cast<double>(leaves_.size());
  ws.scalars = scalars_;
  ws.alone = alone_;
  return ws;
}

void ModelRun::pack(int64_t index) {
  program_->pack_one(index, params_.data(), packed_.data(), 0, 1, nullptr);
}

void ModelRun::step() {
  if (!gate_) program_->pack(params_.data(), packed_.data(), 0, 1, nullptr);
  for (Leaf& leaf : leaves_) leaf.gradients.assign(params_.size(), kGradientNoise);
  std::vector<double> synced;
  std::vector<std::vector<double>> of_segments;
  for (int segment = 0; segment < program_->segments(); ++segment) {
    std::vector<double> total(static_cast<size_t>(program_->sync_doubles(segment)), 0.0);
    std::vector<double> part(total.size());
    for (Leaf& leaf : leaves_) {
      program_->run(workspace(leaf, synced), segment, part.data(), nullptr);
      for (size_t i = 0; i < total.size(); ++i) total[i] += part[i];
    }
    synced = total;
    of_segments.push_back(std::move(total));
  }
  std::vector<const double*> sums;
  for (const auto& of : of_segments) sums.push_back(of.data());
  program_->update_state(workspace(leaves_[0], synced), sums);
  std::fill(gradients_.begin(), gradients_.end(), 0.0f);
  for (const Leaf& leaf : leaves_)
    for (size_t i = 0; i < gradients_.size(); ++i) gradients_[i] += leaf.gradients[i];
}

double ModelRun::loss() const {
  double total = 0;
  const auto losses = graph_.losses();
  for (const Leaf& leaf : leaves_)
    for (size_t i = 0; i < losses.size(); ++i)
      total += static_cast<double>(graph_.node(losses[i]).loss_weight) * leaf.sums[2 * i];
  return total;
}
double ModelRun::weight() const {
  double total = 0;
  for (const Leaf& leaf : leaves_) total += leaf.sums[1];
  return total;
}

std::vector<float> ModelRun::output() const {
  std::vector<float> all;
  const int64_t count = samples_ * graph_.node(graph_.output()).shape.elements();
  for (const Leaf& leaf : leaves_) {
    Workspace ws;
    ws.arena = leaf.arena.data();
    const float* y = program_->output(ws);
    all.insert(all.end(), y, y + count);
  }
  return all;
}
std::vector<float> ModelRun::logical_gradient(const std::string& name) const {
  const Slot* slot = graph_.params().find(name);
  std::vector<float> logical(static_cast<size_t>(slot->count));
  to_logical(*slot, gradients_.data() + slot->offset, logical.data());
  return logical;
}
std::vector<float> ModelRun::logical_state(const std::string& name) const {
  const Slot* slot = graph_.state().find(name);
  std::vector<float> logical(static_cast<size_t>(slot->count));
  to_logical(*slot, state_.data() + slot->offset, logical.data());
  return logical;
}

}  // namespace trireme::test
