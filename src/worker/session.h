#pragma once
// Everything a training run is made of, built and agreed on by all ranks, in the order in which it
// must live and die.

#include <memory>
#include <string>

#include "checkpoint/checkpoint.h"
#include "comm/communicator.h"
#include "config/experiment.h"
#include "data/loader.h"
#include "model/build.h"
#include "model/metrics.h"
#include "optim/optimizer.h"
#include "optim/schedule.h"
#include "worker/all_reduce_exchange.h"
#include "worker/lane_runner.h"
#include "worker/lane_team.h"
#include "worker/program_set.h"
#include "worker/steps.h"
#include "worker/topology.h"

namespace trireme {

class Session {
 public:
  // Every rank must call. `resume`: the checkpoint to continue from; empty: a fresh start.
  Session(Communicator& comm, const Experiment& experiment, const Path& resume);
  ~Session();

  Communicator& comm;
  const Experiment& experiment;
  std::unique_ptr<CheckpointReader> checkpoint;  // null: fresh start
  DataSets data;
  std::string cpu_level;
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
  std::unique_ptr<AllReduceExchange> exchange;
  std::unique_ptr<LaneTeam> team;
  std::unique_ptr<LaneRunner> runner;
  std::string data_fingerprint;

  const Preprocessing& preprocessing() const { return data.train->preprocessing(); }
  int rank() const { return comm.rank(); }
  bool first() const { return comm.rank() == 0; }
  bool last() const { return comm.rank() == comm.size() - 1; }
  int64_t evaluation_batch() const;
  // A loader of this rank's leaves for the batches that `plan(step)` describes, from `first_step`
  // on.
  std::unique_ptr<Loader> make_loader(bool training_data, int64_t first_step,
                                      std::function<StepPlan(int64_t)> plan, int64_t end_step,
                                      int64_t max_batch);

 private:
  void open();
  void compile();
  void agree_on_everything();
  void start_weights();
};

}  // namespace trireme
