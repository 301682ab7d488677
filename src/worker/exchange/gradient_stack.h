#pragma once
// The gradient buffers of one lane. Leaves are summed along the tree to the largest pieces that the
// lane's run covers, so memory grows with the logarithm of the leaves, not with their number.

#include <cstdint>
#include <span>
#include <vector>

#include "comm/tree.h"
#include "kernels/kernel_table.h"
#include "tensor/param_table.h"

namespace trireme {

class GradientStack {
 public:
  // Nodes this lane hands to the reduction. keep_leaves: the leaves themselves, because all
  // leaves' gradients are being written at once (programs with several segments).
  static std::vector<Piece> pieces(LeafRun run, bool keep_leaves);
  static int buffers(LeafRun run, bool keep_leaves);

  // `base`: buffers(run) buffers of `stride` floats, zeroed. `at_once`: ranges that the program
  // writes once a piece (Program::at_once()), into piece_gradient(); ascending.
  GradientStack(const KernelTable& kernels, LeafRun run, bool keep_leaves,
                std::span<const Range> at_once, float* base, int64_t stride);
  void begin() { stack_.clear(); }
  float* gradient(int leaf) const;
  Piece piece(int leaf) const { return pieces_[static_cast<size_t>(find(leaf).piece)]; }
  float* piece_gradient(int leaf) const { return buffer(find(leaf).piece, 0); }
  // The leaf's gradient is complete; `present`: it had samples. Leaves in ascending order. Two
  // parts, so that the last leaf's sums can be finished range by range while its backward goes on:
  // merge() over ranges that together are everything, then close().
  void done(int leaf, bool present);
  // The sums that end with this leaf, over `range`.
  void merge(int leaf, bool present, Range range) const;
  void close(int leaf, bool present);

 private:
  struct Position {
    int piece, offset;  // piece index; leaf's offset inside the piece
  };
  Position find(int leaf) const;
  float* buffer(int piece, int depth) const;

  const KernelTable& kernels_;
  std::vector<Piece> pieces_;
  std::vector<Range> by_leaf_;  // all but `at_once`
  float* base_;
  int64_t stride_;
  std::vector<bool> stack_;  // presence of the partial sums of the current piece
};

}  // namespace trireme
