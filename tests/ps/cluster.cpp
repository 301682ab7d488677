#include "ps/cluster.h"

#include <algorithm>

namespace trireme::ps {
namespace {

OptimizerConfig sgd() {
  OptimizerConfig config{};
  config.name = "sgd";
  return config;
}

ParamTable one_slot(int64_t elements) {
  Slot slot;
  slot.name = "w";
  slot.logical = slot.view = Shape({elements});
  slot.count = elements;
  return ParamTable({slot});
}

StepVerdict applied() {
  StepVerdict verdict{};
  verdict.finite = verdict.applied = 1;
  return verdict;
}

}  // namespace

Cluster::Cluster(const ClusterSpec& spec)
    : spec_(spec),
      optimizer_(sgd()),
      params_(one_slot(spec.elements)),
      placement_(params_.size(), spec.servers, spec.block),
      progress_(static_cast<size_t>(spec.workers)),
      random_(spec.network.seed) {
  for (int w = 0; w < spec.workers; ++w) {
    runs_.push_back(leaves_of(w, spec.workers, spec.shards));
    weights_.emplace_back(static_cast<size_t>(params_.size()));
    gradients_.emplace_back(static_cast<size_t>(params_.size()));
  }
  for (int s = 0; s < spec.servers; ++s) {
    ServerConfig config;
    config.server = s;
    config.workers = spec.workers;
    config.consistency = spec.consistency;
    config.runs = runs_;
    config.shards = spec.shards;
    servers_.push_back(
        std::make_unique<ServerCore>(config, cpu_kernels(), optimizer_, params_, placement_));
  }
  std::vector<ClientCore*> clients;
  std::vector<ServerCore*> servers;
  std::vector<WorkerScript> scripts;
  for (int w = 0; w < spec.workers; ++w) {
    ClientConfig config;
    config.worker = w;
    config.workers = spec.workers;
    config.consistency = spec.consistency;
    config.in_flight = 4;
    clients_.push_back(
        std::make_unique<ClientCore>(config, placement_, weights_[static_cast<size_t>(w)].data()));
    clients.push_back(clients_.back().get());
    scripts.push_back([this, w](ClientCore& client) { return step(w, client); });
  }
  for (const auto& s : servers_) servers.push_back(s.get());
  simulator_ = std::make_unique<Simulator>(spec.network, clients, servers, scripts);
}

// Pull, compute, push; in sync mode worker 0 says the verdict in between.
double Cluster::step(int worker, ClientCore& client) {
  const auto w = static_cast<size_t>(worker);
  Progress& p = progress_[w];
  const bool sync = spec_.consistency.mode == Mode::sync;
  OptimizerScalars scalars{};
  scalars.lr = scalars.grad_scale = 1;
  scalars.step = p.clock + 1;
  switch (p.phase++) {
    case 0:
      client.pull(p.clock, sync ? p.clock : 0, true);
      return 0;
    case 1:
      if (!sync) most_ahead_ = std::max(most_ahead_, p.clock - client.result().slowest);
      if (p.clock == spec_.clocks) return -1;
      return spec_.compute +
             spec_.compute_jitter * std::uniform_real_distribution<double>(0, 1)(random_);
    case 2:
      for (int64_t i = 0; i < spec_.elements; ++i)
        gradients_[w][static_cast<size_t>(i)] = counts(worker, p.clock, i) ? -1.0f : 0.0f;
      for (size_t b = 0; b < placement_.blocks().size(); ++b) {
        const float* floats = gradients_[w].data() + placement_.blocks()[b].range.begin;
        const int block = static_cast<int>(b);
        if (!sync)
          client.push(block, p.clock, floats, scalars);
        else
          for (const Piece& piece : host_pieces(runs_[w], spec_.shards))
            client.push(block, p.clock, floats, piece, 1000);
      }
      if (sync && worker == 0) client.await_partials();
      return 0;
    default:
      if (sync && worker == 0) client.commit(p.clock, scalars, applied());
      ++p.clock;
      p.phase = 1;
      client.pull(p.clock, sync ? p.clock : 0, false);
      return 0;
  }
}

float Cluster::expected(int64_t i) const {
  int64_t sum = 0;
  for (int w = 0; w < spec_.workers; ++w) {
    const auto pieces =
        static_cast<int64_t>(host_pieces(runs_[static_cast<size_t>(w)], spec_.shards).size());
    for (int64_t c = 0; c < spec_.clocks; ++c)
      sum += counts(w, c, i) ? (spec_.consistency.mode == Mode::sync ? pieces : 1) : 0;
  }
  return static_cast<float>(sum);
}

float Cluster::value(int64_t i) const {
  for (size_t b = 0; b < placement_.blocks().size(); ++b) {
    const Block& block = placement_.blocks()[b];
    if (i >= block.range.begin && i < block.range.end)
      return servers_[static_cast<size_t>(block.server)]->store().values(
          static_cast<int>(b), kWeights)[static_cast<size_t>(i - block.range.begin)];
  }
  return -1;
}

}  // namespace trireme::ps
