#pragma once
// An op of the graph: immutable, device-independent, shared by all programs and threads. lower()
// turns it into what one Program runs. Shapes are those of one sample; images are C,H,W in shapes
// and N,H,W,C in memory.

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "kernels/kernel_table.h"
#include "tensor/dtype.h"
#include "tensor/param_table.h"
#include "tensor/shape.h"
#include "tensor/table_spec.h"

namespace trireme {

enum class Mode : uint8_t { training, inference };

// ---- addresses
// What a Ref points into. `field`: an input or target of the batch; `packed`: weights repacked for
// a library; `constants`: numbers of the ops themselves; `low`: the weights as Elements, by the
// indices of `params`.
enum class Space : uint8_t {
  none,
  arena,
  params,
  grads,
  state,
  packed,
  constants,
  low,
  field,
  weight
};
struct Ref {  // resolved by Frame; cheap to copy
  Space space = Space::none;
  int32_t index = 0;
  explicit operator bool() const { return space != Space::none; }
};

// The leaves of one piece of the reduction tree (comm/tree.h), for what is computed once for all
// of them. An address means what lives there now: of leaves that ran one after another, what is
// kept and fields; of leaves side by side, anything.
class PieceLeaves {
 public:
  virtual int64_t count() const = 0;                // a power of two
  virtual int64_t samples(int64_t leaf) const = 0;  // 0: absent
  virtual float* at(int64_t leaf, Ref r) const = 0;
  virtual float* gradient(Ref parameter) const = 0;  // the piece's

 protected:
  ~PieceLeaves() = default;
};

// Where everything of one leaf lives during a step. Read-only for ops. `keys` and all that follows
// it through `sums` are memory of the program's device: an op hands them to kernels and never
// follows them.
struct Frame {
  std::byte* const* bases;  // by Space, and for Space::field by field
  const int64_t* offsets;   // bytes, by Ref::index; arena: ~offset in `kept` where negative
  std::byte* const* fields;
  const SampleKey* keys;  // of the leaf's samples
  const double* synced;   // result of the sync before this step (batch norm), else null
  double synced_samples;  // samples in the whole batch
  double* sums;           // the leaf's loss sums and metric sums
  uint64_t seed;
  int64_t samples;
  Stream* stream;
  std::byte* kept;           // what later leaves of the piece leave alone
  const PieceLeaves* piece;  // with what is computed once for all leaves of a piece, else null
  // Device memory: update_state() changes nothing where it says skip. Null: it always does.
  const OptimizerScalars* scalars = nullptr;
  bool alone = false;  // this leaf is the whole batch: its own sums are what a sync would give
  const TableLeaf* tables = nullptr;  // by LowerContext::table()
  const float* loss_scale = nullptr;  // device memory: the losses' gradients are multiplied by it

  template <class T = float>
  T* at(Ref r) const {
    if (r.space == Space::none) return nullptr;
    if (r.space == Space::field || r.space == Space::weight)
      return reinterpret_cast<T*>(fields[r.index]);
    if (r.space == Space::arena && offsets[r.index] < 0)
      return reinterpret_cast<T*>(kept + ~offsets[r.index]);
    return reinterpret_cast<T*>(bases[static_cast<size_t>(r.space)] + offsets[r.index]);
  }
};

// One op in one Program. const: all mutable bytes are in the Frame.
class Lowered {
 public:
  virtual ~Lowered() = default;
  virtual Status forward(const Frame&) const noexcept = 0;
  virtual Status backward(const Frame&) const noexcept { return Status::ok; }
  // Weight gradients that backward leaves out (LowerContext::compute_at_once), of all leaves of
  // Frame::piece: part `part` of `parts`. Scratch is the Frame's.
  virtual Status backward_at_once(const Frame&, int64_t /*part*/,
                                  int64_t /*parts*/) const noexcept {
    return Status::ok;
  }
  // Whether forward and backward can be computed for all leaves of Frame::piece together, with the
  // bits of each by itself: where weights are more to read than what the leaves have.
  virtual bool takes_leaves_together() const { return false; }
  virtual Status forward_together(const Frame&) const noexcept { return Status::failed; }
  virtual Status backward_together(const Frame&) const noexcept { return Status::failed; }
  // Global batch norm: doubles that all leaves add up before forward (and as many before backward).
  // 0: none.
  virtual int64_t sync_doubles() const { return 0; }
  virtual Status forward_sums(const Frame&, double*) const noexcept { return Status::ok; }
  virtual Status backward_sums(const Frame&, double*) const noexcept { return Status::ok; }
  // What is done once per step after the verdict: running statistics from the synced sums of
  // forward.
  virtual std::optional<RunningStatistics> running(const Frame&) const noexcept { return {}; }
};

// What lower() may ask for. Everything is decided here, at compile time.
class LowerContext {
 public:
  virtual ~LowerContext() = default;
  virtual const KernelTable& kernels() const = 0;
  virtual int64_t samples() const = 0;
  virtual Mode mode() const = 0;
  virtual std::string_view name() const = 0;  // of the node: keys random numbers
  virtual uint64_t seed() const = 0;

  virtual Shape input_shape(int i) const = 0;  // of one sample
  virtual Shape output_shape() const = 0;
  virtual Ref input(int i) = 0;  // for forward
  virtual Ref output() = 0;
  virtual Ref saved_input(int i) = 0;  // also keeps it alive until this op's backward
  virtual Ref saved_output() = 0;
  virtual Ref output_grad() = 0;  // none in inference
  // The rest of it, to be added by the op; none: there is no rest. Only for ops that take parts.
  virtual Ref output_grad_apart() = 0;
  virtual Ref input_grad(int i) = 0;                // none: nobody needs it
  virtual Write input_grad_write(int i) const = 0;  // set: first contribution
  virtual Ref param(int i) = 0;
  virtual Ref weight(int i) = 0;      // param(i) as plans read it: Elements (kernel_table.h)
  virtual Ref param_grad(int i) = 0;  // none: frozen, or inference
  virtual Write param_grad_write(int i) const = 0;
  // Most leaves of a piece when backward() may leave the gradient of param(i) to
  // backward_at_once(): one product for all leaves, added along the tree. 1: each leaf by itself.
  virtual int64_t leaves_at_once(int i) const = 0;
  // Chooses that: backward() does not write the gradient of param(i). Keeps input(input) and
  // output_grad() of every leaf until backward_at_once().
  virtual void compute_at_once(int i, int input) = 0;
  virtual Ref state(int i) = 0;
  virtual int table() const = 0;          // of the graph's tables; -1: none
  virtual Ref saved(size_t bytes) = 0;    // lives from forward to backward
  virtual Ref scratch(size_t bytes) = 0;  // one call's contents; forward and backward alike
  // A library's own copy of param(i), refreshed once a step by plan->pack.
  virtual Ref packed(int i, const Plan* plan, size_t bytes) = 0;
  // Numbers of the op that its kernels read, as class weights.
  virtual Ref constant(std::span<const float> values) = 0;
  virtual Ref target() = 0;             // losses: the target field
  virtual Ref sample_weight() = 0;      // none: all one
  virtual int64_t loss_sum_slot() = 0;  // losses: index of {loss, weight} in Frame::sums
};

// ---- description
// ---------------------------------------------------------------------------------
using Attribute =
    std::variant<int64_t, double, std::string, std::vector<int64_t>, std::vector<double>>;
using Attributes = std::vector<std::pair<std::string, Attribute>>;  // in the op's own order

struct SlotSpec {
  std::string suffix;  // "weight", "bias", "running_mean"
  Shape logical, view;
  std::vector<int> permutation;
  Initializer init;
  int64_t fan_in = 0, fan_out = 0;
  bool decays = true;
};

// A layer that looks ids up in a table of its own.
struct TableUse {
  TableSpec spec;
  // Keys mix in the number of the feature: the same id of two features is two rows.
  bool per_feature = true;
};

// What one forward pass of one sample costs; backward is about twice that.
struct Cost {
  double flops = 0;
  double bytes = 0;  // read and written, parameters excluded
};

// What an op may know of an input beside its shape.
struct InputInfo {
  Shape shape;
  std::optional<Shape>
      channels_last;  // a flattened C,H,W image: memory holds H,W,C (dense permutes its slot)
};

class Op {
 public:
  virtual ~Op() = default;
  virtual std::string_view kind() const = 0;  // "conv2d"
  virtual Attributes attributes() const {
    return {};
  }  // everything that defines it: hashed, exported, printed
  virtual DType input_dtype(int /*i*/) const { return DType::f32; }  // i64: reads ids
  // Throws ShapeError with both values; the graph adds layer name, file and line.
  virtual Shape infer(std::span<const Shape> inputs) const = 0;
  virtual std::vector<SlotSpec> params(std::span<const InputInfo>) const { return {}; }
  virtual std::vector<SlotSpec> state(std::span<const InputInfo>) const { return {}; }
  // Such an op reads one input of the graph, of ids (int64 [features, values] a sample, -1: none),
  // and no other op does.
  virtual std::optional<TableUse> table() const { return std::nullopt; }
  virtual std::unique_ptr<Lowered> lower(LowerContext&) const = 0;
  virtual Cost cost(std::span<const Shape> inputs) const = 0;

  virtual bool is_loss() const { return false; }
  // flatten: memory stays, only the shape changes. The compiler gives output and input the same
  // bytes.
  virtual bool is_view() const { return false; }
  // backward adds up output_grad() and output_grad_apart() as it reads them.
  virtual bool takes_gradient_apart() const { return false; }
  // The input whose gradient backward may leave where output_grad() was: it reads an element before
  // it writes it, and does not ask for it again. Only where it is the first to write. -1: none.
  virtual int gradient_in_place() const { return -1; }
  // backward, being a library's, cannot add to an input's gradient: that is a pass of its own,
  // which the compiler saves where the input's producer takes the gradient in parts.
  virtual bool only_sets_gradients() const { return false; }
  // True where an H,W,C-ordered flat input may pass through unchanged (element-wise ops, dense).
  virtual bool keeps_channels_last() const { return false; }

  // ---- fusion: a new op that also applies what follows; null: cannot.
  virtual std::shared_ptr<const Op> with_activation(Activation, float /*alpha*/) const {
    return nullptr;
  }
  virtual std::shared_ptr<const Op> with_addend() const { return nullptr; }  // y = op(x) + input(1)
  // The activation this op is, if it is one.
  virtual std::optional<std::pair<Activation, float>> as_activation() const { return std::nullopt; }
};

}  // namespace trireme
