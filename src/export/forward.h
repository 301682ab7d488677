#pragma once
// One compiled forward pass with memory of its own.

#include <memory>
#include <vector>

#include "export/tables.h"
#include "model/program.h"

namespace trireme {

// An inference program for a fixed number of samples and everything it writes to. Used by one
// thread at a time; `params` and `state` are the caller's and must live as long.
class ForwardPass {
 public:
  // `losses`: also compute the losses; then fields() goes on with targets, and "weight" when
  // `sample_weights`. `tables` live as long as params.
  ForwardPass(const Graph& graph, int64_t samples, const float* params, const float* state,
              const ModelTables& tables, bool losses = false, bool sample_weights = false);

  int64_t samples() const { return program_->samples(); }
  // Memory of field i, in the order of fields(); zero until set.
  std::byte* field(size_t i) { return fields_[i]; }
  float* dense_input();  // of the graph's float32 input; null: it has none
  int64_t* ids();        // of its ids
  std::span<const std::string> fields() const { return program_->fields(); }
  // Runs all segments; returns the output in memory order (see export/layout.h).
  const float* run();
  // {sum of weighted losses, sum of weights} of each loss, of the last run.
  std::span<const double> sums() const { return sums_; }

 private:
  std::byte* input(NodeId node);

  const Graph& graph_;
  TableLookup tables_;
  std::unique_ptr<const Program> program_;
  AlignedBuffer arena_, packed_;
  std::vector<AlignedBuffer> field_bytes_;
  std::vector<std::byte*> fields_;
  std::vector<SampleKey> keys_;
  std::vector<double> sums_;
  Workspace workspace_;
};

}  // namespace trireme
