#pragma once
// Servers that hold rows and nothing else, as a worker sees them: all other parameters are the
// workers' own, who add up their gradients by all-reduce. Workers take each step together.

#include "worker/servers/server_link.h"
#include "worker/servers/servers.h"

namespace trireme {

class RowServers final : public Servers {
 public:
  // As ServerLink's. `placement` has no blocks.
  RowServers(Subgroup& workers, const ps::Placement& placement, const ps::ClientConfig& config,
             double timeout, const ps::Faults& faults);

  int count() const override { return placement_.servers(); }
  int64_t clock() const override { return clock_; }
  bool in_step() const override { return true; }
  bool first() const override { return workers_.rank() == 0; }
  void ask(const std::function<void(ps::ClientCore&)>& questions) override;
  void tell(const std::function<void(ps::ClientCore&)>& words) override;

  // When this worker has pushed all its rows of the open clock: what the servers say of their sums,
  // [tables, ps::kTableShards], the same on every worker. Every worker must call.
  void take_squares(std::span<double> squares);
  // How the open clock ends; the same on every worker. Servers step their rows and open the next.
  void conclude(const OptimizerScalars& scalars, const StepVerdict& verdict);

 private:
  void move_until(const std::function<bool()>& done);

  Subgroup& workers_;
  const ps::Placement& placement_;
  const double timeout_;
  ServerLink link_;
  int64_t clock_;
};

}  // namespace trireme
