#include "worker/exchange/gradient_stack.h"

#include <algorithm>
#include <bit>

namespace trireme {
namespace {

int height(std::span<const Piece> pieces) {
  int most = 0;
  for (const Piece& piece : pieces) most = std::max(most, piece.level);
  return most;
}

std::vector<Range> complement(std::span<const Range> ranges, int64_t end) {
  std::vector<Range> rest;
  int64_t at = 0;
  for (const Range& range : ranges) {
    if (range.begin > at) rest.push_back({at, range.begin});
    at = range.end;
  }
  if (at < end) rest.push_back({at, end});
  return rest;
}

}  // namespace

std::vector<Piece> GradientStack::pieces(LeafRun run, bool keep_leaves) {
  return pieces_of(run, keep_leaves ? 0 : std::bit_width(static_cast<unsigned>(run.size())));
}

int GradientStack::buffers(LeafRun run, bool keep_leaves) {
  const std::vector<Piece> all = pieces(run, keep_leaves);
  return static_cast<int>(all.size()) + height(all);
}

GradientStack::GradientStack(const KernelTable& kernels, LeafRun run, bool keep_leaves,
                             std::span<const Range> at_once, float* base, int64_t stride)
    : kernels_(kernels),
      pieces_(pieces(run, keep_leaves)),
      by_leaf_(complement(at_once, stride)),
      base_(base),
      stride_(stride) {}

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
    const float* from = buffer(at.piece, top);
    float* into = buffer(at.piece, --top);
    const bool left = stack_[static_cast<size_t>(top)];
    for (const Range& r : by_leaf_) {
      const int64_t begin = std::max(r.begin, range.begin), end = std::min(r.end, range.end);
      if (begin >= end || !right) continue;
      (left ? kernels_.accumulate : kernels_.copy)(nullptr, end - begin, from + begin,
                                                   into + begin);
    }
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
