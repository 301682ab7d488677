#pragma once
// Rows on servers, all other parameters by all-reduce: the servers' part in a step of an
// AllReduceExchange.

#include "worker/servers/row_servers.h"
#include "worker/servers/served_tables.h"

namespace trireme {

class MixedTables final : public ServedTables {
 public:
  MixedTables(std::unique_ptr<RowServers> servers, const Topology& topology,
              std::span<const TableSpec> specs, const ps::RowOptimizer& optimizer,
              const ps::LifeSpec& life = {})
      : ServedTables(*servers, topology, specs, optimizer, life), servers_(std::move(servers)) {}

  void reduce(int64_t step, std::span<double> squares) override {
    ServedTables::reduce(step, squares);
    servers_->take_squares(squares);
  }
  void conclude(const OptimizerScalars& scalars, const StepVerdict& verdict) override {
    servers_->conclude(scalars, verdict);
  }

 private:
  const std::unique_ptr<RowServers> servers_;
};

}  // namespace trireme
