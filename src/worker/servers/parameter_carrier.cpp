#include "worker/servers/parameter_carrier.h"

namespace trireme {
namespace {

LeafRun my_run(const Topology& t) { return t.node_runs[static_cast<size_t>(t.my_node)]; }

}  // namespace

ParameterCarrier::ParameterCarrier(Subgroup& workers, const KernelTable& kernels,
                                   const Topology& topology, const LanePieces& lanes,
                                   const ps::Placement& placement, const ps::ClientConfig& config,
                                   float* weights, float* staging, double timeout,
                                   const ps::Faults& faults)
    : placement_(placement),
      staging_(staging),
      node_sums_(kernels, topology, lanes),
      pieces_(host_pieces(my_run(topology), topology.shards)),
      gather_(workers, topology, timeout),
      link_(workers, placement, config, weights, timeout, faults) {}

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
      client().push(static_cast<int>(index), step_, sums_[p] + block.begin, pieces_[p], samples_);
}

bool ParameterCarrier::advance() {
  const bool gathered = gather_.advance();
  const bool moved = link_.advance() || gathered;
  weights_.set(link_.client().weights_from());
  if (moved || (!link_.waiting() && !gathering())) {
    looks_ = 0;
  } else if (++looks_ % ServerLink::kLooksPerCheck == 0) {
    gather_.check();
    link_.check(step_);
  }
  return moved;
}

}  // namespace trireme
