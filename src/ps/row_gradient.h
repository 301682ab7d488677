#pragma once
// The gradient of one table that some leaves of a batch contribute: distinct keys, ascending, and a
// row for each.

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "comm/communicator.h"

namespace trireme::ps {

struct RowGradient {
  int64_t dim = 1;
  std::vector<int64_t> keys;  // strictly ascending
  std::vector<float> rows;    // [keys.size(), dim]

  int64_t size() const { return static_cast<int64_t>(keys.size()); }
  const float* row(int64_t i) const { return rows.data() + i * dim; }
  void clear() {
    keys.clear();
    rows.clear();
  }
  friend bool operator==(const RowGradient&, const RowGradient&) = default;
};

// One node of the reduction tree: left + right where both have the key, else the one that has it,
// as it is. `sum` is neither of the two; its memory is used again.
void merge(const RowGradient& left, const RowGradient& right, RowGradient& sum);

// A node of the reduction tree: leaves [index << level, (index + 1) << level).
struct TreeNode {
  int level = 0, index = 0;
  friend bool operator==(const TreeNode&, const TreeNode&) = default;
};
struct NodeGradient {
  TreeNode node;
  RowGradient gradient;
};

// The sum at `root` of what `parts` hold (disjoint nodes, any order), left + right at every node,
// so that it does not depend on how the leaves were dealt out. Empty where nothing lies below
// `root`. Takes what it sums out of `parts`.
RowGradient sum_of(std::span<NodeGradient> parts, TreeNode root, int64_t dim);

// Sum of squares in fp64: row by row in the order of keys, each row's elements in their order.
double sum_of_squares(const RowGradient& gradient);

// As bytes between ranks of one byte order: node, number of keys, keys, rows.
constexpr size_t part_bytes(size_t keys, size_t dim) {
  return 3 * sizeof(int64_t) + keys * (sizeof(int64_t) + dim * sizeof(float));
}
// Its first bytes; returns where the keys begin.
std::byte* put_part_header(TreeNode node, size_t keys, std::byte* out);
void append_bytes(const NodeGradient& part, std::vector<std::byte>& out);
int64_t take_count(Bytes& bytes);  // an int64 from the front of `bytes`
// Takes one from the front of `bytes`. Throws FormatError where they end too early or keys are not
// ascending.
NodeGradient take_bytes(Bytes& bytes, int64_t dim);

}  // namespace trireme::ps
