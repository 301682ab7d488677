#include "worker/exchange/node_memory.h"

#include "tensor/buffer.h"
#include "tensor/param_table.h"
#include "worker/exchange/gradient_stack.h"

namespace trireme {

NodeMemory::NodeMemory(Communicator& comm, const Topology& t, const NodeMemorySpec& spec)
    : stride_(static_cast<int64_t>(align_up(static_cast<size_t>(spec.params), kSlotAlign))),
      max_sums_(static_cast<int64_t>(align_up(static_cast<size_t>(spec.max_sums), 8))),
      has_ema_(spec.ema) {
  size_t total = 0;
  const auto take = [&](size_t bytes) {
    const size_t at = total;
    total += align_up(bytes, 4096);
    return at;
  };
  const size_t flat = static_cast<size_t>(stride_) * sizeof(float);
  barrier_ = take(sizeof(BarrierState));
  arrivals_ = take(sizeof(ArrivalsState));
  params_ = take(flat);
  state_ = take(static_cast<size_t>(spec.state) * sizeof(float));
  moments_ = take(flat * static_cast<size_t>(spec.moments));
  ema_ = take(spec.ema ? flat : 0);
  reduced_ = take(flat);
  for (const LeafRun& run : t.node_member_runs)
    gradients_.push_back(
        take(flat * static_cast<size_t>(GradientStack::buffers(run, spec.keep_leaves))));
  staging_ = take(static_cast<size_t>(spec.staging) * sizeof(float));
  partials_ =
      take(static_cast<size_t>(stride_ / kChunk + 1 + spec.table_partials) * sizeof(double));
  for (size_t& sums : sums_)
    sums = take(static_cast<size_t>(max_sums_ * t.shards) * sizeof(double));
  requests_ = take(static_cast<size_t>(t.node_members) * sizeof(uint32_t));
  node_requests_ = take(sizeof(uint32_t));
  window_ = comm.window(total);
}

}  // namespace trireme
