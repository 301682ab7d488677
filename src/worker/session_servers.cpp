// Where a session's parameters and tables live: with the workers, or on servers.
#include "worker/session.h"

#include "base/text.h"
#include "ps/table_shards.h"
#include "worker/agreement.h"
#include "worker/checkpointer.h"
#include "worker/exchange/all_reduce_exchange.h"
#include "worker/servers/mixed_tables.h"
#include "worker/servers/parameter_exchange.h"
#include "worker/servers/row_file.h"
#include "worker/servers/server_checkpoints.h"
#include "worker/tables/life_of.h"
#include "worker/tables/replicated_tables.h"

namespace trireme {

std::unique_ptr<NodeExchange> Session::make_exchange(const ExchangeOptions& options) {
  if (!serves_blocks())
    return std::make_unique<AllReduceExchange>(comm, topology, *kernels, *graph, optimizer,
                                               options);
  auto served = std::make_unique<ParameterExchange>(
      *workers_, topology, *kernels, *graph, optimizer, options, *placement_, roles.consistency,
      start_step(), generation(), faults_of(experiment));
  servers_ = served.get();
  return served;
}

uint32_t Session::generation() const {
  return checkpoint ? checkpoint->manifest().state.generation + 1 : 0;
}

int64_t Session::start_step() const { return checkpoint ? checkpoint->manifest().state.step : 0; }

ServerSetup Session::server_setup(const Path& run) const {
  ServerSetup setup;
  setup.params = serves_blocks() ? graph->params() : ParamTable(std::vector<Slot>{});
  setup.block = bucket_elements();
  setup.start_clock = start_step();
  setup.generation = generation();
  setup.shards = topology.shards;
  setup.runs = topology.node_runs;
  setup.average = experiment.train.ema > 0;
  setup.tables.assign(served_tables().begin(), served_tables().end());
  setup.run_directory = run.string();
  return setup;
}

void Session::leave_servers(ExitCode code) {
  if (Servers* servers = std::exchange(servers_, nullptr)) servers->leave(code);
}

bool Session::serves_blocks() const {
  return roles.servers > 0 && experiment.exchange.dense == "served";
}

std::span<const TableSpec> Session::served_tables() const {
  const bool served = roles.servers > 0 && experiment.exchange.tables == "served";
  return served ? graph->tables() : std::span<const TableSpec>{};
}

void Session::start_tables() {
  if (graph->tables().empty()) return;
  const TrainConfig& train = experiment.train;
  const ps::RowOptimizer rows(optimizer, experiment.optimizer.rowwise,
                              {train.clip_row_norm, train.clip_table_norm});
  const ps::LifeSpec life = life_of(experiment.tables);
  if (served_tables().empty()) {
    tables = std::make_unique<ReplicatedTables>(comm, topology, row_kernels(), graph->tables(),
                                                rows, experiment.run.seed, experiment.run.timeout,
                                                life, team ? team->spread() : Spread());
  } else if (serves_blocks()) {
    tables = std::make_unique<ServedTables>(*servers_, topology, graph->tables(), rows, life);
  } else {
    ps::ClientConfig config;
    config.worker = comm.rank();
    config.workers = comm.size();
    config.generation = generation();
    config.start_clock = start_step();
    config.tables = static_cast<int>(graph->tables().size());
    config.clip_table_norm = train.clip_table_norm;
    auto alone = std::make_unique<RowServers>(*workers_, *placement_, config,
                                              experiment.run.timeout, faults_of(experiment));
    servers_ = alone.get();
    tables = std::make_unique<MixedTables>(std::move(alone), topology, graph->tables(), rows, life);
  }
}

void Session::start_server_checkpoints() {
  if (!first() || !servers_ || !experiment.checkpoint.servers_write) return;
  const ps::RowOptimizer rows(optimizer, experiment.optimizer.rowwise);
  const std::vector<std::string> moments(optimizer.state().begin(), optimizer.state().end());
  moment_files_ = std::make_unique<MomentFiles>(
      graph->params(), serves_blocks() ? moments : std::vector<std::string>{},
      shard_bytes(experiment.checkpoint));
  server_checkpoints_ = std::make_unique<ServerCheckpoints>(
      *servers_, saved_columns(served_tables(), rows, life_of(experiment.tables)), *moment_files_,
      experiment.run.timeout);
}

// Rows are in host memory, and every rank must step its copy to the same bits.
const KernelTable& Session::row_kernels() const {
  if (!device) return *kernels;
  return cpu_kernels(
      agree_on_cpu_level(comm, experiment.run.cpu_level, experiment.run.timeout).c_str());
}

}  // namespace trireme
