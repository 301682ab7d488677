#pragma once
// A graph compiled for one kernel table and one number of samples: fused, planned, every byte
// placed. Immutable; run by many lanes at once, each with its own Workspace.

#include <memory>
#include <span>
#include <vector>

#include "model/graph.h"
#include "tensor/buffer.h"

namespace trireme {

// Who knows whether weights have come: asked right before a forward pass reads them.
struct WeightGate {
  virtual ~WeightGate() = default;
  // Returns when all weights from `from` on (elements of the index space), and their packed copies,
  // are there. Within a pass `from` falls, as parameters lie in reverse order of first use; before
  // backward it is 0.
  virtual void need(int64_t from) = 0;
};

// The caller's memory for one leaf. The pointers may change between calls, never during one.
struct Workspace {
  std::byte* arena = nullptr;          // Program::arena_bytes(), 64-byte aligned
  std::byte* kept = nullptr;           // Program::kept_bytes(), until the piece's last leaf has run
  const float* params = nullptr;       // ParamTable order
  WeightGate* gate = nullptr;          // of these and of `packed`; null: all are there
  float* grads = nullptr;              // training: the leaf's gradient
  float* state = nullptr;              // running statistics
  const std::byte* packed = nullptr;   // Program::packed_bytes()
  const std::byte* low = nullptr;      // the weights as Elements; unused where these are fp32
  std::byte* const* fields = nullptr;  // by Program::fields()
  const float* constants = nullptr;  // a device's copy of Program::constants(); null: the program's
  const SampleKey* keys = nullptr;
  double* sums = nullptr;          // 2 per loss: {loss, weight}
  const double* synced = nullptr;  // the sums of the sync that ended the segment before
  double synced_samples = 0;       // samples of the whole batch
  Stream* stream = nullptr;
  // Device memory, of the step: update_state() changes nothing where it says skip. Null: it always
  // does.
  const OptimizerScalars* scalars = nullptr;
  // This leaf is the whole batch: forward and backward need no `synced`. update_state() still does.
  bool alone = false;
  const TableLeaf* tables = nullptr;  // by the graph's tables
  // Device memory: the losses' gradients are multiplied by it, and with them all others. Null: by
  // nothing.
  const float* loss_scale = nullptr;
};

class Program;
// A piece of the reduction tree: its leaves in order, each as it was run.
struct PieceWork {
  struct Leaf {
    const Program* program = nullptr;  // null: absent
    const Workspace* workspace = nullptr;
  };
  std::span<const Leaf> leaves;  // a power of two, at most ProgramOptions::leaves
  float* gradient = nullptr;     // the piece's, by the same indices as a leaf's
};

struct GradSink {
  virtual ~GradSink() = default;
  // All gradients below `watermark` (elements of the index space) are final for this leaf; those
  // that are computed once a piece, with the piece's last leaf.
  virtual void ready(int64_t watermark) = 0;
};

struct ProgramOptions {
  Mode mode = Mode::training;
  uint64_t seed = 0;
  bool sample_weights = false;   // the batch has weights
  bool input_gradients = false;  // also compute d loss / d input
  bool losses = true;            // inference: also compute the losses' values (evaluation)
  // Training: most leaves of a PieceWork. More than 1: some weight gradients are computed for all
  // of them at once (at_once()), with the same bits.
  int64_t leaves = 1;
};

class Program {
 public:
  // Throws ShapeError or DeviceError, naming the layer.
  static std::unique_ptr<const Program> compile(const Graph& graph, const KernelTable& kernels,
                                                int64_t samples, const ProgramOptions& options);
  ~Program();

  int64_t samples() const;
  size_t arena_bytes() const;
  size_t packed_bytes() const;
  size_t kept_bytes() const;  // of each leaf of a piece
  // Slots whose gradient is of a whole piece, written with its last leaf or by run_at_once():
  // ranges of the index space, ascending.
  std::span<const Range> at_once() const;
  size_t gathered_bytes() const;       // of each leaf, that these gradients are computed from
  bool takes_leaves_together() const;  // some layer does: run_together() is more than run()
  // Fields in the order of Workspace::fields: graph inputs, targets, then "weight" where there are
  // weights.
  std::span<const std::string> fields() const;
  std::span<const float> constants() const;  // numbers of the ops that kernels read
  int64_t loss_sums() const;                 // doubles in Workspace::sums

  // Refreshes packed weights. `part` of `parts`: lanes share the work.
  void pack(const float* params, std::byte* packed, int part, int parts, Stream*) const;
  // The same, one packed copy of packs() at a time; it reads weights from pack_from() on alone.
  int64_t packs() const;
  int64_t pack_from(int64_t index) const;  // elements of the index space
  void pack_one(int64_t index, const float* params, std::byte* packed, int part, int parts,
                Stream*) const;

  // A step is segments() segments, run in order; all leaves of the job meet after each segment
  // whose sync_doubles() > 0, add up what sums() wrote, and pass the total as Workspace::synced.
  int segments() const;
  int64_t sync_doubles(int segment) const;
  // Runs one segment; `sync_out` receives this leaf's part of the sync that ends it.
  // `piece`: with the last present leaf of a piece; it must name all its leaves, this one included.
  // Throws DeviceError naming the layer when a kernel fails.
  void run(const Workspace&, int segment, double* sync_out, GradSink* sink,
           const PieceWork* piece = nullptr) const;
  // Leaves side by side, each in an arena of its own: one instruction of all after the other, and
  // what can be (Lowered::takes_leaves_together) of all together. The bits of run() for each
  // without a piece. Only programs of one segment, and at least one leaf must be there.
  static void run_together(const PieceWork& work);
  // Part `part` of `parts` of the gradients of at_once(), of leaves that were run without a piece;
  // the parts may be computed by as many threads, each with an arena (of `scratch`) of its own. For
  // the program of the most samples among the leaves.
  void run_at_once(const Workspace& scratch, const PieceWork& work, int part, int parts) const;
  bool updates_state() const;  // whether there are running statistics
  // All of them, from what was synced: synced[s] are the sums of the sync that ended
  // segment s, for each segment that ends with one. Once per rank and step.
  void update_state(const Workspace&, std::span<const double* const> synced) const;

  // Where the graph's output is in the arena after the forward part. Channels-last for images.
  const Element* output(const Workspace&) const;

 private:
  struct Impl;
  class Leaves;
  explicit Program(std::unique_ptr<Impl>);
  std::unique_ptr<Impl> impl_;
};

}  // namespace trireme
