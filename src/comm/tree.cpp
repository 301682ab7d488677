#include "comm/tree.h"

#include <algorithm>
#include <bit>

namespace trireme {

LeafRun leaves_of(int member, int members, int shards) {
  const auto cut = [&](int m) { return static_cast<int>(int64_t{m} * shards / members); };
  return {cut(member), cut(member + 1)};
}

SampleSpan leaf_span(int64_t begin, int64_t n, int leaf, int shards) {
  return {begin + leaf * n / shards, begin + (leaf + 1) * n / shards};
}

std::vector<Piece> pieces_of(LeafRun run, int max_level) {
  std::vector<Piece> pieces;
  int at = run.first;
  while (at < run.last) {
    int level = 0;
    while (level < max_level && at % (2 << level) == 0 && at + (2 << level) <= run.last) ++level;
    pieces.push_back({level, at >> level});
    at += 1 << level;
  }
  return pieces;
}

std::vector<Piece> host_pieces(LeafRun run, int shards) {
  return pieces_of(run, std::bit_width(static_cast<unsigned>(shards)));
}

std::vector<bool> present_pieces(std::span<const Piece> pieces,
                                 const std::vector<bool>& leaf_present) {
  std::vector<bool> present;
  for (const Piece& p : pieces) {
    const auto leaf = leaf_present.begin();
    present.push_back(std::find(leaf + p.first(), leaf + p.last(), true) != leaf + p.last());
  }
  return present;
}

namespace {

class Builder {
 public:
  Builder(std::span<const Piece> pieces, const std::vector<bool>& present)
      : pieces_(pieces), present_(present) {}

  // The operand that holds the sum of node (level, index); -1 when absent.
  int sum(int level, int index) {
    const Piece node{level, index};
    for (size_t i = 0; i < pieces_.size(); ++i)
      if (pieces_[i] == node) return present_[i] ? static_cast<int>(i) : -1;
    if (level == 0 || !touches(node)) return -1;
    const int left = sum(level - 1, 2 * index), right = sum(level - 1, 2 * index + 1);
    if (left < 0 || right < 0) return left < 0 ? right : left;
    steps_.adds.push_back({left, right});
    return static_cast<int>(pieces_.size() + steps_.adds.size()) - 1;
  }
  TreeSteps finish(int root) {
    steps_.result = root;
    return std::move(steps_);
  }

 private:
  bool touches(const Piece& node) const {
    for (const Piece& p : pieces_)
      if (p.first() < node.last() && node.first() < p.last()) return true;
    return false;
  }

  std::span<const Piece> pieces_;
  const std::vector<bool>& present_;
  TreeSteps steps_;
};

}  // namespace

TreeSteps tree_steps(std::span<const Piece> pieces, const std::vector<bool>& present, int shards) {
  Builder builder(pieces, present);
  const int height = std::bit_width(static_cast<unsigned>(shards - 1));
  const int root = builder.sum(height, 0);
  return builder.finish(root);
}

}  // namespace trireme
