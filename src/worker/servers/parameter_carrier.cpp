#include "worker/servers/parameter_carrier.h"

#include <numeric>
#include <utility>

namespace trireme {
namespace {

constexpr int kLooksPerCheck = 64;  // looks that found nothing, before one for trouble
// Seconds that a worker waits longer than a server, which knows which worker it is that is missing.
constexpr double kGrace = 2;

std::vector<int> server_ranks(int workers, int servers) {
  std::vector<int> ranks(static_cast<size_t>(servers));
  std::iota(ranks.begin(), ranks.end(), workers);
  return ranks;
}

LeafRun my_run(const Topology& t) { return t.node_runs[static_cast<size_t>(t.my_node)]; }

}  // namespace

ParameterCarrier::ParameterCarrier(Subgroup& workers, const KernelTable& kernels,
                                   const Topology& topology, const LanePieces& lanes,
                                   const ps::Placement& placement, const ps::ClientConfig& config,
                                   float* weights, float* staging, double timeout,
                                   const ps::Faults& faults)
    : placement_(placement),
      workers_(workers.size()),
      timeout_(timeout),
      staging_(staging),
      node_sums_(kernels, topology, lanes),
      pieces_(host_pieces(my_run(topology), topology.shards)),
      gather_(workers, topology, timeout),
      client_(config, placement, weights),
      link_(
          workers.parent(), server_ranks(workers.size(), placement.servers()),
          [this](const ps::Header& h) { return client_.place(h); }, faults, workers.regions()) {}

int64_t ParameterCarrier::staging_floats(const Topology& topology, int64_t params) {
  return static_cast<int64_t>(host_pieces(my_run(topology), topology.shards).size()) * params;
}

void ParameterCarrier::begin(int64_t step, const std::vector<bool>& leaf_present) {
  step_ = step;
  node_sums_.prepare(leaf_present);
}

// Absent pieces stay at home: the servers know which those are.
void ParameterCarrier::take(size_t index) {
  const Range block = placement_.blocks()[index].range;
  node_sums_.add_up(block, staging_ + static_cast<int64_t>(pieces_.size()) * block.begin, sums_);
  for (size_t p = 0; p < pieces_.size(); ++p)
    if (sums_[p])
      client_.push(static_cast<int>(index), step_, sums_[p] + block.begin, pieces_[p], samples_);
}

bool ParameterCarrier::advance() {
  bool moved = gather_.advance();
  ps::Message m;
  while (client_.poll(m)) {
    link_.send(std::move(m));
    moved = true;
  }
  moved = link_.advance() || moved;
  const bool waits = !idle();
  if (waits && !waiting_) since_ = Clock::now();
  waiting_ = waits;
  while (waiting_ && link_.receive(m)) {
    client_.on_message(std::move(m));
    since_ = Clock::now();
    moved = true;
    waiting_ = !idle();
  }
  if (moved || (!waiting_ && !gathering()))
    looks_ = 0;
  else if (++looks_ % kLooksPerCheck == 0)
    check();
  return moved;
}

void ParameterCarrier::check() {
  gather_.check();
  if (!waiting_) return;
  std::vector<int> silent = client_.silent();
  for (int& server : silent) server += workers_;
  const std::string what = client_.awaited();
  link_.check(silent, {timeout_ + kGrace, what, step_}, since_);
}

}  // namespace trireme
