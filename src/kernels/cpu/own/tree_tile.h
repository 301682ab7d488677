#pragma once
// Tiles of own/tile.h for leaves so short, of a row or two, that a product's way through memory
// takes longer than computing it: those of a node of eight leaves are added along the tree in
// registers. A leaf's bits are those of a tile of more than six vectors: k ascending.

#include "kernels/cpu/own/tile.h"

namespace trireme::cpu::TRIREME_LEVEL {

constexpr int kNodeLeaves = 8;
constexpr int kNodeRows = 3;  // of two vectors: six sums a level of the tree

struct LeafPanel {
  const float* a;  // [k, rows]: the tile's first row
  const float* b;  // [k, columns]
  int64_t k;       // 0: the leaf is absent
};

// to = the sum of kLeaves leaves, left + right at every node; false: none is there.
template <int kLeaves, class Vector, int kRows, int kVectors>
[[gnu::always_inline]] static inline bool sum_of_node(const LeafPanel* leaves, int64_t row,
                                                      int64_t a_stride, int64_t b_step,
                                                      Sums<Vector, kRows, kVectors>& to) {
  if constexpr (kLeaves == 1) {
    const float *a = leaves->a + row, *b = leaves->b;
    Sums<Vector, kRows, kVectors> sums;  // of its own, so that it stays in registers
    for (int64_t k = leaves->k; k > 0; --k, a += a_stride, b += b_step)
      sums.template multiply<true, false>(a, a_stride, b);
    to = sums;
    return leaves->k > 0;
  } else {
    constexpr int kHalf = kLeaves / 2;
    Sums<Vector, kRows, kVectors> right;
    const bool has_left = sum_of_node<kHalf>(leaves, row, a_stride, b_step, to);
    const bool has_right = sum_of_node<kHalf>(leaves + kHalf, row, a_stride, b_step, right);
    if (!has_left) {
      to = right;
    } else if (has_right) {
      to.add(right);
    }
    return has_left || has_right;
  }
}

template <class Vector, int kRows, int kVectors>
static bool multiply_node_rows(const Tile& t, const LeafPanel* leaves, int64_t row) {
  Sums<Vector, kRows, kVectors> sums;
  if (!sum_of_node<kNodeLeaves>(leaves, row, t.a_stride, t.b_step, sums)) return false;
  sums.finish(t);
  return true;
}

// The tile `t` of `rows` rows from kNodeLeaves leaves, not from its a and b; false, and c is
// untouched: none is there.
template <class Vector>
static bool multiply_node(Tile t, int64_t rows, const LeafPanel* leaves) {
  using Function = bool (*)(const Tile&, const LeafPanel*, int64_t);
  static constexpr Function functions[][kNodeRows] = {
      {multiply_node_rows<Vector, 1, 1>, multiply_node_rows<Vector, 2, 1>,
       multiply_node_rows<Vector, 3, 1>},
      {multiply_node_rows<Vector, 1, 2>, multiply_node_rows<Vector, 2, 2>,
       multiply_node_rows<Vector, 3, 2>}};
  const int two = t.columns > kLanes<Vector>;
  for (int64_t row = 0; row < rows; row += kNodeRows, t.c += kNodeRows * t.c_stride) {
    const int64_t left = rows - row;
    if (!functions[two][(left < kNodeRows ? left : kNodeRows) - 1](t, leaves, row)) return false;
  }
  return true;
}

}  // namespace trireme::cpu::TRIREME_LEVEL
