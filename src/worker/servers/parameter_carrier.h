#pragma once
// A worker's way to the servers, and to the other workers for what they add up among themselves.
// In sync mode buckets are the servers' blocks: this worker's pieces of each are pushed as the
// lanes finish it.

#include <span>
#include <vector>

#include "worker/exchange/bucket_carrier.h"
#include "worker/exchange/host_gather.h"
#include "worker/exchange/node_sums.h"
#include "worker/servers/server_link.h"
#include "worker/servers/weights_mark.h"

namespace trireme {

class ParameterCarrier final : public BucketCarrier {
 public:
  // `workers`: the first ranks of a parent whose others are the servers. `staging`:
  // staging_floats(). Borrows everything.
  ParameterCarrier(Subgroup& workers, const KernelTable& kernels, const Topology& topology,
                   const LanePieces& lanes, const ps::Placement& placement,
                   const ps::ClientConfig& config, float* weights, float* staging, double timeout,
                   const ps::Faults& faults);
  // Room for what this worker pushes of a step, where it has to be added up first.
  static int64_t staging_floats(const Topology& topology, int64_t params);

  // Of the batch of the next step, before begin().
  void set_samples(int64_t samples) { samples_ = samples; }
  ps::ClientCore& client() { return link_.client(); }
  bool concluded() const { return link_.concluded(); }
  WeightsMark& weights() { return weights_; }  // of the last pull

  void begin(int64_t step, const std::vector<bool>& leaf_present) override;
  void gather(std::span<const MutableBytes> blocks, const char* what) override {
    gather_.start(blocks, what, step_);
  }
  bool gathering() const override { return gather_.open(); }
  void take(size_t index) override;
  bool may_take() const override { return true; }
  bool busy() const override { return !link_.up_to_date(); }
  bool advance() override;
  void idle(int round) override { link_.idle(round); }

 private:
  const ps::Placement& placement_;
  float* const staging_;
  NodeSums node_sums_;
  const std::vector<Piece> pieces_;
  HostGather gather_;
  ServerLink link_;
  WeightsMark weights_;
  std::vector<const float*> sums_;
  int64_t step_ = -1, samples_ = 0;
  int looks_ = 0;
};

}  // namespace trireme
