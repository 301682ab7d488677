#pragma once
// The gradient of one table that some leaves of a batch contribute: distinct keys, ascending, and a
// row for each.

#include <cstdint>
#include <span>
#include <vector>

#include "comm/communicator.h"

namespace trireme::ps {

struct RowsView {  // of a RowGradient that lies elsewhere
  int64_t dim = 1;
  std::span<const int64_t> keys;
  const float* rows = nullptr;

  int64_t size() const { return static_cast<int64_t>(keys.size()); }
  const float* row(int64_t i) const { return rows + i * dim; }
};

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
  operator RowsView() const { return {dim, keys, rows.data()}; }
  friend bool operator==(const RowGradient&, const RowGradient&) = default;
};

// A node of the reduction tree: leaves [index << level, (index + 1) << level).
struct TreeNode {
  int level = 0, index = 0;
  friend bool operator==(const TreeNode&, const TreeNode&) = default;
};
// Whether `inner` is `node` or lies below it.
constexpr bool covers(TreeNode node, TreeNode inner) {
  return inner.level <= node.level && inner.index >> (node.level - inner.level) == node.index;
}
struct NodeGradient {
  TreeNode node;
  RowGradient gradient;
};
struct NodeRows {
  TreeNode node;
  RowsView rows;
  // Of each key among the keys of all that is added up with it, ascending; null: not known.
  const int32_t* places = nullptr;
  NodeRows() = default;
  NodeRows(TreeNode at, const RowsView& of, const int32_t* places_of = nullptr)
      : node(at), rows(of), places(places_of) {}
  NodeRows(const NodeGradient& part) : node(part.node), rows(part.gradient) {}
};

// Ranges of ascending keys, in order, as one.
void join(std::span<const RowGradient> ranges, RowGradient& all);

// Sum of a row's squares in fp64: eight sums, of the elements e = 0..7 (mod 8), then these in
// order.
double row_squares(const float* row, int64_t dim);
// Of all rows, in the order of keys.
double sum_of_squares(const RowsView& rows);

// As bytes between ranks of one byte order: node, number of keys, keys, rows.
constexpr size_t part_bytes(size_t keys, size_t dim) {
  return 3 * sizeof(int64_t) + keys * (sizeof(int64_t) + dim * sizeof(float));
}
// Its first bytes; returns where the keys begin.
std::byte* put_part_header(TreeNode node, size_t keys, std::byte* out);
void append_bytes(const NodeRows& part, std::vector<std::byte>& out);
// Takes one from the front of `bytes`. Throws FormatError where they end too early or keys are not
// ascending.
NodeGradient take_bytes(Bytes& bytes, int64_t dim);
// The same where it lies, for as long as the bytes do. They begin at a multiple of 8.
NodeRows view_bytes(Bytes& bytes, int64_t dim);

}  // namespace trireme::ps
