#pragma once
// The programs of one rank: one for each number of samples a leaf can have, compiled before the
// first step, with their packed weights.

#include <map>
#include <memory>
#include <vector>

#include "model/program.h"

namespace trireme {

class ProgramSet {
 public:
  ProgramSet(const Graph& graph, const KernelTable& kernels, ProgramOptions options);
  // Compiles for `samples` unless that was done. Not thread-safe.
  void prepare(int64_t samples);
  const Program& at(int64_t samples) const;
  const Program& any() const { return *entries_.begin()->second.program; }
  const std::byte* packed(int64_t samples) const;
  std::byte* packed(int64_t samples);
  std::vector<int64_t> sizes() const;  // numbers of samples, ascending
  int64_t max_samples() const { return entries_.empty() ? 0 : entries_.rbegin()->first; }
  size_t arena_bytes() const { return arena_bytes_; }  // the largest
  size_t kept_bytes() const { return kept_bytes_; }    // the largest, of one leaf
  size_t packed_bytes() const;                         // of all
  bool packs() const { return packs_; }
  // Weights changed: repack what programs of these sizes read. Lanes share the work.
  void pack(const std::vector<int64_t>& sizes, const float* params, int part, int parts);

 private:
  struct Entry {
    std::unique_ptr<const Program> program;
    AlignedBuffer packed;
  };
  const Graph& graph_;
  const KernelTable& kernels_;
  ProgramOptions options_;
  std::map<int64_t, Entry> entries_;
  size_t arena_bytes_ = 0, kept_bytes_ = 0;
  bool packs_ = false;
};

}  // namespace trireme
