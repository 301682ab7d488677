#pragma once
// What one rank's lanes do in a step: leaves through the training program, and in an evaluation:
// leaves through the inference program.

#include <functional>
#include <map>
#include <memory>
#include <vector>

#include "data/loader.h"
#include "model/metrics.h"
#include "worker/arriving_weights.h"
#include "worker/batch_fields.h"
#include "worker/exchange/exchange.h"
#include "worker/lane_sharing.h"
#include "worker/lane_team.h"
#include "worker/program_set.h"
#include "worker/step_runner.h"
#include "worker/tables/lane_tables.h"

namespace trireme {

class LaneRunner final : public StepRunner {
 public:
  LaneRunner(const Graph& graph, LaneTeam& team, Exchange& exchange, ProgramSet& training,
             ProgramSet& evaluation, const MetricSet& training_metrics,
             const MetricSet& evaluation_metrics, const Optimizer& optimizer, bool labels,
             const LaneSharing& sharing,
             TableExchange* tables = nullptr);  // null: the graph has none
  ~LaneRunner() override;

  // Arenas for the programs compiled so far. Call once, after all prepare() calls.
  void allocate();
  void train(const StepPlan& plan, Loader& loader, const UpdateSettings& settings) override;
  const StepResult* finished(bool wait) override;
  const StepResult& evaluate(const StepPlan& plan, Loader& loader) override;

  // Doubles a leaf may sync: the largest of loss and metric sums and the programs' own.
  static int64_t max_sums(const Graph& graph, const ProgramSet& training,
                          const MetricSet& training_metrics, const MetricSet& evaluation_metrics);

 private:
  struct Lane;
  // Runs a job on every lane; an error of one ends the waits of all lanes of all ranks at once.
  void run_lanes(const std::function<void(int)>& job);
  void pack(ProgramSet& programs, const StepPlan& plan, const float* params);
  void begin_with_weights(const StepPlan& plan);  // a training step
  // The rows that the step's leaves look up, and word of those that the next one's will.
  void fetch_rows(const StepPlan& plan, const StepPlan* next, Loader& loader);
  void look_up(const StepPlan& plan, Loader& loader, LaneTables::For step);
  const std::vector<int64_t>& leaf_sizes(int64_t batch);
  void train_lane(int lane, const StepPlan& plan, Loader& loader, const UpdateSettings& settings);
  void evaluate_lane(int lane, const StepPlan& plan, Loader& loader);
  // Leaves that the lane's workspaces must hold at once.
  int slots(int index) const;
  bool whole(const Lane& lane) const;  // LaneSharing::whole, of this step
  // Of the present leaves of `leaves`, the last; -1: none.
  int last_present(const StepPlan& plan, LeafRun leaves) const;
  void run_leaves(Lane& lane, int index, const StepPlan& plan, Loader& loader);
  void run_piece(Lane& lane, int index, const StepPlan& plan, Loader& loader,
                 const Exchange::PieceGradient& piece);
  void run_side_by_side(Lane& lane, int index, const StepPlan& plan, Loader& loader);
  // Binds a leaf; what it has joins what run_whole() reads.
  const PieceWork::Leaf& prepare_leaf(Lane& lane, int index, int leaf, int slot,
                                      const LeafBatch& batch);
  void run_whole(Lane& lane, int index, const StepPlan& plan);
  void run_segments(Lane& lane, int index, const StepPlan& plan, Loader& loader);
  Workspace bind(Lane& lane, int index, int leaf, int slot, ProgramSet& programs,
                 const LeafBatch& batch, const float* params);
  const LeafBatch& load(Lane& lane, const StepPlan& plan, int leaf, Loader& loader);
  void finish_leaf(int index, int leaf, const Program& program, const MetricSet& metrics,
                   const Workspace& ws, const LeafBatch& batch);
  void write_state(const StepPlan& plan);
  void read_totals(const double* totals, const MetricSet& metrics);
  LeafRun rank_leaves() const;

  const Graph& graph_;
  LaneTeam& team_;
  Exchange& exchange_;
  ProgramSet& training_;
  ProgramSet& evaluation_;
  const MetricSet& training_metrics_;
  const MetricSet& evaluation_metrics_;
  const Optimizer& optimizer_;
  const bool labels_;  // targets are class labels
  const LaneSharing sharing_;
  const std::vector<BatchField> batch_fields_;  // of a program; training's and evaluation's alike
  int64_t loss_sums_ = 0;
  const std::vector<float> loss_weights_;
  std::map<int64_t, std::vector<int64_t>> leaf_sizes_;  // of this rank, by samples of the batch
  std::vector<std::unique_ptr<Lane>> lanes_;
  std::vector<PieceWork::Leaf> whole_;  // by leaf; null: absent. Each lane writes its own
  std::unique_ptr<LaneTables> tables_;  // null: none
  std::unique_ptr<ArrivingWeights> arriving_;
  bool awaits_weights_ = false;  // in this step
  double fetch_seconds_ = 0;     // of this step
  StepResult result_;            // of lane 0
  bool fresh_ = false;           // a training step's, not yet taken
};

}  // namespace trireme
