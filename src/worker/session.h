#pragma once
// Everything a training run is made of, built and agreed on by all ranks, in the order in which it
// must live and die.

#include <memory>
#include <string>

#include "checkpoint/checkpoint.h"
#include "comm/communicator.h"
#include "comm/device_group.h"
#include "comm/subgroup.h"
#include "config/experiment.h"
#include "data/loader.h"
#include "model/build.h"
#include "model/metrics.h"
#include "optim/optimizer.h"
#include "optim/schedule.h"
#include "tensor/device.h"
#include "worker/exchange/topology.h"
#include "worker/lane_team.h"
#include "worker/program_set.h"
#include "worker/servers/roles.h"
#include "worker/servers/server_setup.h"
#include "worker/servers/servers.h"
#include "worker/step_runner.h"
#include "worker/steps.h"
#include "worker/tables/table_exchange.h"
#include "worker/training_state.h"
#include "worker/written_by_others.h"

namespace trireme {

class MomentFiles;
class NodeExchange;
class ServerCheckpoints;
struct DeviceRunnerOptions;
struct ExchangeOptions;

// How long a start's parts took, for the log.
struct StartSeconds {
  double device = 0;  // opened, by whoever did that
  double data = 0, programs = 0, weights = 0, memory = 0;
};

class Session {
 public:
  // Everything but the state: all ranks of `comm` must call, and agree. `resume`: the checkpoint to
  // continue from; empty: a fresh start. `device`: this rank's; null: lanes on the CPU. `workers`:
  // `comm` where it is a part of the job whose other ranks are servers; else null.
  Session(Communicator& comm, const Experiment& experiment, const Path& resume,
          std::unique_ptr<Device> device = nullptr, Subgroup* workers = nullptr,
          const Roles& roles = {});
  ~Session();

  // Lanes or device, and the weights to begin with. Every rank of `comm` must call, when the
  // servers serve.
  void start();

  Communicator& comm;   // of those who train
  Communicator& world;  // of all ranks
  const Roles roles;
  const Experiment& experiment;
  std::unique_ptr<CheckpointReader> checkpoint;  // null: fresh start
  DataSets data;
  std::unique_ptr<Device> device;  // null: the CPU
  std::string cpu_level;           // of the kernels that train, a device's as "sm_90"
  const KernelTable* kernels = nullptr;
  std::unique_ptr<Graph> graph;
  Optimizer optimizer;
  Topology topology;
  std::unique_ptr<Order> train_order, validation_order;
  std::unique_ptr<Steps> steps;
  std::unique_ptr<Schedule> schedule;
  std::unique_ptr<MetricSet> metrics;           // the experiment's, of evaluations
  std::unique_ptr<MetricSet> training_metrics;  // of every step: the cheap ones
  std::unique_ptr<ProgramSet> training, evaluation;
  std::unique_ptr<LaneTeam> team;      // null on a device without tables
  std::unique_ptr<DeviceGroup> group;  // null on the CPU
  std::unique_ptr<TrainingState> state;
  std::unique_ptr<TableExchange> tables;  // null: the model has none
  std::unique_ptr<StepRunner> runner;
  std::string data_fingerprint;

  std::string memory_in_words;  // planned, for the log
  StartSeconds took;
  // The normal end, after the last step. Every rank must call.
  void close();
  // What servers have to know before start(); `run`: the run directory.
  ServerSetup server_setup(const Path& run) const;
  // The servers are needed no more; how this rank ended. Once; nothing where there are none.
  void leave_servers(ExitCode code);
  const Preprocessing& preprocessing() const { return data.train->preprocessing(); }
  const ps::Placement& placement() const { return *placement_; }  // of blocks on servers
  bool serves_blocks() const;  // parameters live on servers: all but rows of tables
  std::span<const TableSpec> served_tables() const;  // whose rows live on the servers: all or none
  uint32_t generation() const;                       // how often the run was resumed
  // Workers take each step together, and all of them see its result.
  bool in_step() const { return roles.consistency.mode == ps::Mode::sync; }
  std::string ranks_in_words() const;
  int rank() const { return comm.rank(); }
  bool first() const { return comm.rank() == 0; }
  bool last() const { return world.rank() == world.size() - 1; }
  bool labelled() const { return preprocessing().schema.classes > 0; }  // targets are classes
  int64_t evaluation_batch() const;
  // Worker 0, once, before the first snapshot(): servers may write what they hold into checkpoints
  // in this folder. Nothing where there are none, or the experiment does not want it.
  void may_write_into(const Path& folder) const;
  // Everything that training changes, as of now: state and tables. folder: of the checkpoint,
  // where this rank writes it; empty: it does not, and gets nothing. Every rank must call.
  Snapshot snapshot(const Path& folder) const;
  // A loader of this rank's leaves for the batches that `plan(step)` describes, from `first_step`
  // on.
  std::unique_ptr<Loader> make_loader(bool training_data, int64_t first_step,
                                      std::function<StepPlan(int64_t)> plan, int64_t end_step,
                                      int64_t max_batch);

 private:
  void open();
  void compile();
  int wanted_lanes();
  void start_lanes();
  std::unique_ptr<NodeExchange> make_exchange(const ExchangeOptions& options);
  void start_tables();
  const KernelTable& row_kernels() const;  // every rank must call
  void start_device();
  DeviceRunnerOptions device_options() const;
  bool inputs_are_bytes() const;
  void start_server_checkpoints();
  int64_t bucket_elements() const;
  int64_t start_step() const;
  int default_prefetch_threads(const DataSource& source) const;
  void agree_on_everything();
  void prepare_weights();
  void start_weights();

  AlignedBuffer first_params_, first_statistics_;  // until start()
  Subgroup* const workers_;
  std::unique_ptr<ps::Placement> placement_;  // of a parameter server
  Servers* servers_ = nullptr;                // what speaks to them: a part of state or tables
  std::unique_ptr<MomentFiles> moment_files_;
  std::unique_ptr<ServerCheckpoints> server_checkpoints_;  // worker 0's; null: passed through it
};

}  // namespace trireme
