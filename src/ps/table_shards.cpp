#include "ps/table_shards.h"

#include <algorithm>
#include <bit>

namespace trireme::ps {
namespace {
constexpr int kAnyLevel = 30;
}

void shard_squares(const RowsView& gradient, std::span<double> squares) {
  std::ranges::fill(squares, 0.0);
  for (int64_t i = 0; i < gradient.size(); ++i)
    squares[static_cast<size_t>(shard_of(gradient.keys[static_cast<size_t>(i)]))] +=
        row_squares(gradient.row(i), gradient.dim);
}

TreeNode root_of(int shards) {
  return {static_cast<int>(std::bit_width(static_cast<unsigned>(shards) - 1u)), 0};
}

std::vector<TreeNode> nodes_of(LeafRun run) {
  std::vector<TreeNode> nodes;
  for (const Piece& piece : pieces_of(run, kAnyLevel)) nodes.push_back({piece.level, piece.index});
  return nodes;
}

}  // namespace trireme::ps
