#pragma once
// All-reduce: each node reduces through its shared window, nodes reduce over the communicator,
// bucket by bucket while backward goes on. Every node holds the whole state; its lanes share the
// work of each update by ranges. One rank is the same code.

#include <memory>
#include <string>
#include <vector>

#include "worker/exchange/node_exchange.h"

namespace trireme {

class AllReduceExchange final : public NodeExchange {
 public:
  // Every rank must call. Weights start at zero: call initialise() or restore().
  AllReduceExchange(Communicator& comm, const Topology& topology, const KernelTable& kernels,
                    const Graph& graph, const Optimizer& optimizer, const ExchangeOptions& options);
  void initialise(const float* params, const float* state) override;
  float* whole_gradient(int lane) override;
  Verdict update(int lane, const Optimizer& optimizer, const UpdateRequest& request) override;
  std::unique_ptr<StateSource> snapshot(bool writes) override;
  void restore(const TensorReader& read) override;

 private:
  void finish_buckets(Lane& lane);

  const std::vector<std::string> moments_;
  const OptimizerRules rules_;
};

}  // namespace trireme
