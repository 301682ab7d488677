#include "worker/gradient_stack.h"

#include <bit>

namespace trireme {
namespace {
constexpr int kPiecesPerLane = 8;
}

int GradientStack::merge_level(int leaves, bool keep_leaves) {
  int level = 0;
  while (!keep_leaves && (leaves >> level) > kPiecesPerLane) ++level;
  return level;
}

std::vector<Piece> GradientStack::pieces(LeafRun run, bool keep_leaves) {
  return pieces_of(run, merge_level(run.size(), keep_leaves));
}

int GradientStack::buffers(LeafRun run, bool keep_leaves) {
  return static_cast<int>(pieces(run, keep_leaves).size()) + merge_level(run.size(), keep_leaves);
}

GradientStack::GradientStack(const KernelTable& kernels, LeafRun run, bool keep_leaves, float* base,
                             int64_t stride)
    : kernels_(kernels), pieces_(pieces(run, keep_leaves)), base_(base), stride_(stride) {}

GradientStack::Position GradientStack::find(int leaf) const {
  size_t i = 0;
  while (leaf >= pieces_[i].last()) ++i;
  return {static_cast<int>(i), leaf - pieces_[i].first()};
}

// A piece's first partial sum lives in the piece's own buffer, deeper ones in the buffers behind
// all pieces.
float* GradientStack::buffer(int piece, int depth) const {
  const int index = depth == 0 ? piece : static_cast<int>(pieces_.size()) + depth - 1;
  return base_ + index * stride_;
}

float* GradientStack::gradient(int leaf) const {
  const Position at = find(leaf);
  return buffer(at.piece, std::popcount(static_cast<unsigned>(at.offset)));
}

void GradientStack::done(int leaf, bool present) {
  merge(leaf, present, {0, stride_});
  close(leaf, present);
}

// A leaf at an odd offset ends as many sums as its offset has trailing ones: each adds a partial
// sum to the one below it on the stack.
void GradientStack::merge(int leaf, bool present, Range range) const {
  const Position at = find(leaf);
  bool right = present;
  int top = std::popcount(static_cast<unsigned>(at.offset));
  for (int merges = std::countr_one(static_cast<unsigned>(at.offset)); merges > 0; --merges) {
    const float* from = buffer(at.piece, top) + range.begin;
    float* into = buffer(at.piece, --top) + range.begin;
    const bool left = stack_[static_cast<size_t>(top)];
    if (right && left)
      kernels_.accumulate(nullptr, range.size(), from, into);
    else if (right)
      kernels_.copy(nullptr, range.size(), from, into);
    right = right || left;
  }
}

void GradientStack::close(int leaf, bool present) {
  const Position at = find(leaf);
  if (at.offset == 0) stack_.clear();
  stack_.push_back(present);
  for (int merges = std::countr_one(static_cast<unsigned>(at.offset)); merges > 0; --merges) {
    const bool right = stack_.back();
    stack_.pop_back();
    stack_.back() = stack_.back() || right;
  }
}

}  // namespace trireme
