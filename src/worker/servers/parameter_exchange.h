#pragma once
// The parameter server's exchange, on a worker. The state lives on the servers; weights come here
// into this rank's memory. Each worker is a rank of its own, on whatever host.
//
// sync: this worker's pieces of each block go to the servers behind backward; when all are there,
// worker 0 concludes the step as an all-reduce would, and everybody takes the new weights.
// bounded, async: every worker pushes what its own leaves give, divided by its own weight, and goes
// on with what the servers then have.

#include <memory>
#include <string>
#include <vector>

#include "ps/placement.h"
#include "worker/exchange/node_exchange.h"
#include "worker/servers/local_steps.h"
#include "worker/servers/parameter_carrier.h"
#include "worker/servers/servers.h"

namespace trireme {

// Tensors of a checkpoint, before the parameter's name: what codecs had left out of the gradients
// of all workers.
inline constexpr const char* kResidual = "exchange.residual.";

class ParameterExchange final : public NodeExchange, public Servers {
 public:
  // Every worker must call; servers must be there and know the same placement. `topology`: each
  // worker a node. start_clock: steps done before; generation: how often the run was resumed.
  ParameterExchange(Subgroup& workers, const Topology& topology, const KernelTable& kernels,
                    const Graph& graph, const Optimizer& optimizer, const ExchangeOptions& options,
                    const ps::Placement& placement, const ps::Consistency& consistency,
                    int64_t start_clock, uint32_t generation, const ps::Faults& faults = {});

  void initialise(const float* params, const float* state) override;
  void begin(int lane, const StepPlan& plan) override;
  // Returns when the verdict is known: weights go on coming, in the order in which they are used.
  Verdict update(int lane, const Optimizer& optimizer, const UpdateRequest& request) override;
  bool weights_are_here() override;
  void await_weights(int lane, int64_t from) override;
  void settle() override;
  std::unique_ptr<StateSource> snapshot(bool writes) override;
  void restore(const TensorReader& read) override;
  double staleness() const override { return staleness_; }
  std::optional<Coding> coding() const override { return coding_; }
  std::optional<ps::PushReport> reports() const override {
    return first() && tells() ? std::optional(reports_) : std::nullopt;
  }

  int count() const override { return placement_.servers(); }
  int64_t clock() const override { return clock_; }
  bool in_step() const override { return sync(); }
  bool first() const override { return comm_.rank() == 0; }
  void ask(const std::function<void(ps::ClientCore&)>& questions) override;
  void tell(const std::function<void(ps::ClientCore&)>& words) override;
  void leave(ExitCode code) override;

 private:
  bool sync() const { return consistency_.mode == ps::Mode::sync; }
  bool tells() const { return !sync() || options_.codec.codes(); }
  const ps::PushReport* report() const { return tells() ? &report_ : nullptr; }
  void push_all(ps::ClientCore& client, int64_t clock, const float* gradient,
                const OptimizerScalars& scalars, int64_t since);
  void push_local(ps::ClientCore& client);
  uint32_t push_and_pull(int64_t clock, const float* gradient, const OptimizerScalars& scalars,
                         uint32_t requests);
  void take_coding(ps::ClientCore& client);
  void gather_residuals(float* flat);
  void restore_residuals(const TensorReader& read);
  void send_moments(const TensorReader& read);
  void require_moments(const TensorReader& read) const;
  void load(uint32_t buffer, const float* flat);
  void fetch(uint32_t buffer, float* flat);
  Verdict update_all(Lane& lane, const UpdateRequest& request);
  void conclude_together(Lane& lane, const UpdateRequest& request);
  [[noreturn]] void report_missing_weights(int64_t step) const;
  Verdict update_alone(Lane& lane, const UpdateRequest& request);

  const ps::Placement& placement_;
  const ps::Consistency consistency_;
  const std::vector<std::string> moments_;
  std::vector<float> initial_moments_;
  LocalSteps local_;
  ParameterCarrier* carrier_ = nullptr;  // the driver's
  Verdict verdict_;                      // of lane 0, for all lanes
  OptimizerScalars scalars_{};           // likewise
  int64_t clock_;                        // steps done
  int64_t settled_at_ = -1;
  double staleness_ = -1;
  std::optional<Coding> coding_;
  ps::PushReport report_, reports_;  // of this worker; of all, on worker 0
};

}  // namespace trireme
