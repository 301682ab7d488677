#include "ps/table_shards.h"

#include <algorithm>
#include <bit>

namespace trireme::ps {
namespace {
constexpr int kAnyLevel = 30;
}

void shard_squares(const RowGradient& gradient, std::span<double> squares) {
  std::ranges::fill(squares, 0.0);
  for (int64_t i = 0; i < gradient.size(); ++i) {
    const float* row = gradient.row(i);
    double sum = 0;
    for (int64_t e = 0; e < gradient.dim; ++e) sum += double{row[e]} * double{row[e]};
    squares[static_cast<size_t>(shard_of(gradient.keys[static_cast<size_t>(i)]))] += sum;
  }
}

TreeNode root_of(int shards) {
  return {static_cast<int>(std::bit_width(static_cast<unsigned>(shards) - 1u)), 0};
}

std::vector<NodeGradient> sums_within(std::span<NodeGradient> parts, LeafRun run, int64_t dim) {
  std::vector<NodeGradient> sums;
  for (const Piece& piece : pieces_of(run, kAnyLevel)) {
    const TreeNode node{piece.level, piece.index};
    RowGradient sum = sum_of(parts, node, dim);
    if (sum.size() > 0) sums.push_back({node, std::move(sum)});
  }
  return sums;
}

}  // namespace trireme::ps
