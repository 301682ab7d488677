#pragma once
// Steps on a device: one leaf a rank. Everything of a step, from the batch to the changed weights,
// is put on one stream without looking at a result; its second run of a kind records it as a graph,
// which later ones replay. So do the batches of an evaluation. While a step computes, the host
// prepares the next and reads the results of the one before. With embedding tables a step is two
// such pieces of work, and the host waits between them for the gradients of rows.

#include <array>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "comm/device_group.h"
#include "model/metrics.h"
#include "worker/device/byte_input.h"
#include "worker/device/device_buckets.h"
#include "worker/device/device_state.h"
#include "worker/device/device_tables.h"
#include "worker/device/memory_needs.h"
#include "worker/device/step_results.h"
#include "worker/device/step_slot.h"
#include "worker/program_set.h"
#include "worker/step_runner.h"

namespace trireme {

struct DeviceRunnerOptions {
  int shards = 1, leaf = 0;            // of the batch; this rank's
  bool labels = true;                  // targets are class labels
  bool graph = true;                   // record and replay
  bool overlap = true;                 // start a step before the one before has finished; without
                                       // tables
  double clip_norm = 0;                // 0: off
  std::optional<LossScaling> scaling;  // of the state's loss scale
  int64_t bucket = int64_t{1} << 20;   // elements of the gradient that travel together
  bool bf16_sums = false;              // they do as bf16
  bool bytes = false;                  // inputs come as bytes
  Spread spread;                       // the host threads that look after tables
  double timeout = 300;
};

class DeviceRunner final : public StepRunner {
 public:
  // Programs are those that were prepared. `preprocessing`: of the data. All must outlive this.
  DeviceRunner(const Device& device, Communicator& comm, DeviceGroup& group, const Graph& graph,
               DeviceState& state, ProgramSet& training, ProgramSet& evaluation,
               const MetricSet& training_metrics, const MetricSet& evaluation_metrics,
               const Optimizer& optimizer, const Preprocessing& preprocessing,
               const DeviceRunnerOptions& options,
               TableExchange* tables = nullptr);  // null: the graph has none
  ~DeviceRunner() override;

  void train(const StepPlan& plan, Loader& loader, const UpdateSettings& settings) override;
  const StepResult* finished(bool wait) override;
  const StepResult& evaluate(const StepPlan& plan, Loader& loader) override;
  // Of device memory, the state's aside: what the constructor and the first steps take.
  static std::vector<MemoryNeed> needs(const Graph& graph, const ProgramSet& training,
                                       const ProgramSet& evaluation, const Schema& schema,
                                       const DeviceRunnerOptions& options);

 private:
  static constexpr size_t kSlots = 2;
  const LeafBatch* load(StepSlot& slot, Loader& loader) const;
  Workspace bind(const StepSlot& slot, const Program& program) const;
  std::vector<std::byte*> fields(const StepSlot& slot, const Program& program) const;
  DeviceBuffer copy_of(std::span<const std::byte> values, const char* what) const;
  void prepare(const Program& program);
  // What a recording holds: a step, or its halves, or a batch of an evaluation.
  enum class Kind { step, gradients, update, evaluation };
  void launch(StepSlot& slot, size_t index, Kind kind);
  void enqueue(StepSlot& slot, Kind kind);
  void enqueue_gradients(StepSlot& slot);
  void enqueue_update(StepSlot& slot);
  void enqueue_evaluation(StepSlot& slot);
  void train_with_tables(StepSlot& slot, size_t index);
  void pack(const Program& program, const Workspace& ws);
  void run_leaf(StepSlot& slot, const Program& program, Workspace& ws);
  void stand_in();
  void meet(int segment);
  bool all_present(const StepPlan& plan) const { return plan.samples >= options_.shards; }
  void update(StepSlot& slot);
  void fetch_output(StepSlot& slot, const Program& program, const Workspace& ws) const;
  void check(Status status, const char* what) const;
  // Partial sums of the gradient's squares: of the index space, then of each table by shard.
  static int64_t partials_of(const Graph& graph);

  // Sums in device memory: of the losses, then of each segment's meeting.
  struct Doubles {
    DeviceBuffer memory;
    std::vector<int64_t> offsets;  // by segment
    int64_t losses = 0;
    double* all() const { return reinterpret_cast<double*>(memory.data()); }
    double* at(int segment) const { return all() + offsets[static_cast<size_t>(segment)]; }
  };

  const Device& device_;
  DeviceGroup& group_;
  const Graph& graph_;
  DeviceState& state_;
  ProgramSet& training_;
  ProgramSet& evaluation_;
  const MetricSet& training_metrics_;
  const MetricSet& evaluation_metrics_;
  const Optimizer& optimizer_;
  const DeviceRunnerOptions options_;
  const StepResults results_;
  DeviceStream copies_;
  DeviceBuffer arena_, partials_, verdict_, rule_blocks_, rule_table_;
  DeviceBuffer wide_output_;  // where Elements are narrower than fp32
  SlotRules rules_;           // of the optimizer; its arrays are the two above
  Doubles doubles_;
  std::unique_ptr<ByteInput> byte_input_;   // null: inputs come as floats
  std::unique_ptr<DeviceBuckets> buckets_;  // null: one rank
  std::unique_ptr<DeviceTables> tables_;    // null: none
  DeviceEvent row_gradients_;               // have come
  DeviceBuffer squares_, concluded_;        // pinned: of tables' gradients; the scalars, concluded
  struct Own {                              // what a program keeps in device memory
    DeviceBuffer constants, packed;
  };
  std::map<const Program*, Own> own_;
  std::array<std::unique_ptr<StepSlot>, kSlots> slots_;
  using Batch = std::pair<Kind, int64_t>;                   // what is done with so many samples
  std::map<std::pair<Batch, size_t>, DeviceGraph> graphs_;  // and in which slot
  std::set<Batch> seen_;                                    // that ran
  int64_t started_ = 0, read_ = 0;
  StepResult result_;
};

}  // namespace trireme
