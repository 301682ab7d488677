// C = act(A B + bias) in the forms that dense layers need, by the tiles of own/tile.h:
//   packed   A [m,k] as stored, B packed once a step: y = x W^T and dx = dy W
//   in place dx = dy W of few rows, B as stored
//   dots     y = x W^T where k is long, B as stored (own/dots.h)
//   columns  A stored [k,m], B [k,n] as stored: dW = dy^T x, the k rows being samples; of one leaf
//            or of several, whose products are added along the tree tile by tile
// Blocks keep one panel of B, or one block of its columns, in the nearest caches.
#include "kernels/cpu/own/dots.h"
#include "kernels/cpu/own/panels.h"
#include "kernels/cpu/own/plans.h"
#include "kernels/cpu/own/tree_tile.h"

namespace trireme::cpu::TRIREME_LEVEL {
namespace {

constexpr int64_t kDepthBlock = 256;     // of k in the packed form
constexpr int64_t kBlockFloats = 16384;  // of B in the columns form

int64_t block_columns(int64_t depth) {
  constexpr int64_t panel = 2 * kLanes<Wide>;
  const int64_t panels = kBlockFloats / (depth * panel);
  return (panels > 1 ? panels : 1) * panel;
}

constexpr int64_t kLeastDot = 256;   // of k: what adding up lanes takes is then small beside it
constexpr int64_t kDotDepth = 1024;  // of k at a time, so that B's rows stay in the nearest cache

bool in_dots(const MatmulTask& task) {
  const MatmulSpec& s = task.spec;
  return task.pack_b && s.transpose_b && s.k >= kLeastDot;
}

// Few rows read B's panels once, where they are: packing would read and write as much again.
bool in_place(const MatmulTask& task) {
  const MatmulSpec& s = task.spec;
  return task.pack_b && !s.transpose_b && s.m <= kMostRows2 && s.n % kLanes<Wide> == 0;
}

constexpr int64_t kNearFloats = 1 << 17;  // a matrix that stays in a core's cache from use to use

// Gives the rows of blocks one after another.
class RowCursor {
 public:
  explicit RowCursor(const RowBlock* blocks) : block_(blocks) {}
  const RowBlock& next(int64_t& row) {
    while (row_ == block_->m) {
      ++block_;
      row_ = 0;
    }
    row = row_++;
    return *block_;
  }

 private:
  const RowBlock* block_;
  int64_t row_ = 0;
};

void multiply_by_dots(const MatmulSpec& s, int64_t blocks, const RowBlock* of, const float* b,
                      const float* bias) {
  static constexpr void (*kRows[])(const Dots&) = {
      nullptr,          multiply_dots<1>, multiply_dots<2>,
#ifdef __AVX512F__
      multiply_dots<3>, multiply_dots<4>, multiply_dots<5>,
      multiply_dots<6>
#endif
  };
  int64_t m = 0;
  for (int64_t i = 0; i < blocks; ++i) m += of[i].m;
  Dots t{};
  const int64_t parts = (m + kDotRows - 1) / kDotRows;
  for (int64_t first = 0; first < s.n; first += kDotColumns) {
    t.columns = s.n - first < kDotColumns ? s.n - first : kDotColumns;
    for (int64_t k = 0; k < s.k; k += kDotDepth) {
      t.depth = s.k - k < kDotDepth ? s.k - k : kDotDepth;
      for (int64_t j = 0; j < kDotColumns; ++j)
        t.b[j] = b + (first + (j < t.columns ? j : t.columns - 1)) * s.k + k;
      t.bias = bias && k == 0 ? bias + first : nullptr;
      t.add = s.write == Write::add || k > 0;
      t.relu = s.activation == Activation::relu && k + t.depth == s.k;
      RowCursor cursor(of);
      for (int64_t part = 0; part < parts; ++part) {
        const int64_t rows = m / parts + (part < m % parts);
        for (int64_t r = 0, row = 0; r < rows; ++r) {
          const RowBlock& block = cursor.next(row);
          t.a[r] = block.a + row * s.k + k;
          t.c[r] = block.c + row * s.n + first;
        }
        kRows[rows](t);
      }
    }
  }
}

// Of different memory, a whole number of them apart.
int64_t floats_between(const float* from, const float* to) {
  return (reinterpret_cast<intptr_t>(to) - reinterpret_cast<intptr_t>(from)) /
         static_cast<int64_t>(sizeof(float));
}

// Each block in tiles of its own, whose order of summation depends on their rows: the same for one
// as for two, so that single rows go in pairs.
template <class Vector>
void multiply_panels(const MatmulSpec& s, int64_t blocks, const RowBlock* of, const float* b,
                     bool packed, const float* bias) {
  const bool far = !packed && s.k * s.n > kNearFloats;
  Tile t{};
  t.segments = 1;
  for (int64_t k = 0; k < s.k; k += kDepthBlock) {
    const bool first_block = k == 0, last_block = k + kDepthBlock >= s.k;
    t.depth = last_block ? s.k - k : kDepthBlock;
    t.add = s.write == Write::add || !first_block;
    t.relu = s.activation == Activation::relu && last_block;
    for_panels<Vector>(s.n, [&](int64_t first, int64_t count, int64_t width) {
      t.b = packed ? b + first * s.k + k * width : b + k * s.n + first;
      t.b_step = packed ? width : s.n;
      t.bias = bias && first_block ? bias + first : nullptr;
      t.columns = t.stored = count;
      for (int64_t i = 0; i < blocks; ++i) {
        if (of[i].m == 0) continue;
        t.a = of[i].a + k;
        t.c = of[i].c + first;
        const bool pair = of[i].m == 1 && i + 1 < blocks && of[i + 1].m == 1;
        t.a_stride = pair ? floats_between(of[i].a, of[i + 1].a) : s.k;
        t.c_stride = pair ? floats_between(of[i].c, of[i + 1].c) : s.n;
        const int64_t rows = of[i].m + pair;
        far ? multiply_panel<Vector, false, true>(t, rows) : multiply_panel<Vector, false>(t, rows);
        i += pair;
      }
    });
  }
}

constexpr int64_t kTileFloats = kMostRows2 * 2 * kLanes<Wide>;
constexpr int kMostLevels = 13;  // 4096 leaves

int levels_of(int64_t leaves) {
  int levels = 0;
  while (leaves >> levels > 1) ++levels;
  return levels;
}

// to (+)= from, tiles of `rows` rows; `from` is one of the buffers, its rows `width` apart.
void add_tile(int64_t rows, int64_t columns, const float* from, int64_t width, bool add, float* to,
              int64_t stride) {
  for (int64_t r = 0; r < rows; ++r, from += width, to += stride) {
#pragma GCC ivdep
    for (int64_t j = 0; j < columns; ++j) to[j] = add ? to[j] + from[j] : from[j];
  }
}

// Leaves that are added up in registers, or 1: of one row each, where memory decides.
int64_t leaves_of_node(const MatmulSpec& s, int64_t leaves, int64_t depth) {
  return leaves >= kNodeLeaves && depth <= leaves && s.write == Write::set ? kNodeLeaves : 1;
}

// The product of a leaf, or of kNodeLeaves, whose panels of B follow each other from t.b. False: no
// leaf is there.
template <class Vector>
bool multiply_leaves(Tile& t, int64_t rows, int64_t width, int64_t count,
                     const LeafProduct* products, int64_t row) {
  if (count == kNodeLeaves) {
    LeafPanel panels[kNodeLeaves];
    for (int64_t i = 0; i < count; t.b += products[i++].k * width)
      panels[i] = {products[i].a + row, t.b, products[i].k};
    return multiply_node<Vector>(t, rows, panels);
  }
  if (products->k == 0) return false;
  t.a = products->a + row;
  t.depth = products->k;
  multiply_panel<Vector, true>(t, rows);
  t.b += t.depth * width;
  return true;
}

// One tile of C. Each leaf's product is summed by itself and added along the tree: left + right at
// every node, absent leaves skipped. Partial sums of `node` leaves wait in C and in one buffer a
// level.
template <class Vector>
void multiply_tile_of_leaves(Tile t, int64_t rows, int64_t width, int64_t leaves, int64_t node,
                             const LeafProduct* products, int64_t row, float* buffers) {
  const Tile whole = t;
  bool present[kMostLevels] = {};
  int top = 0;  // partial sums so far
  const auto buffer = [&](int depth) { return buffers + (depth - 1) * kTileFloats; };
  for (int64_t i = 0; i < leaves / node; ++i) {
    const bool right = (i & 1) != 0;
    if (!right) present[top++] = false;
    const int depth = top - 1;
    t.add = present[depth] || (whole.add && depth == 0);
    t.c = depth == 0 ? whole.c : buffer(depth);
    t.c_stride = depth == 0 ? whole.c_stride : width;
    t.columns = t.stored = depth == 0 ? whole.columns : width;
    if (multiply_leaves<Vector>(t, rows, width, node, products + i * node, row))
      present[depth] = true;
    for (int64_t above = i >> 1; right && (above & 1) != 0; above >>= 1) {
      if (!present[--top]) continue;
      const bool into_c = top == 1;
      add_tile(rows, into_c ? whole.columns : width, buffer(top), width, present[top - 1],
               into_c ? whole.c : buffer(top - 1), into_c ? whole.c_stride : width);
      present[top - 1] = true;
    }
  }
}

// The rows of a share: whole tiles, so that the cut changes no tile.
template <class Vector>
void multiply_columns(const MatmulSpec& s, int64_t leaves, const LeafProduct* products,
                      const float* bias, float* c, Share share, float* scratch) {
  const int64_t tiles = (s.m + kMostRows2 - 1) / kMostRows2;
  const int64_t begin = tiles * share.part / share.parts * kMostRows2;
  const int64_t last = tiles * (share.part + 1) / share.parts * kMostRows2;
  const int64_t end = last < s.m ? last : s.m;
  if (begin >= end) return;
  float* const buffers = scratch;
  float* const panels = scratch + levels_of(s.leaves) * kTileFloats;
  int64_t depth = 0;
  for (int64_t leaf = 0; leaf < leaves; ++leaf) depth += products[leaf].k;
  const int64_t block = block_columns(depth), node = leaves_of_node(s, leaves, depth);
  Tile t{};
  t.segments = 1;
  t.a_stride = s.m;
  t.c_stride = s.n;
  t.add = s.write == Write::add;
  t.relu = s.activation == Activation::relu;
  for (int64_t column = 0; column < s.n; column += block) {
    const int64_t columns = s.n - column < block ? s.n - column : block;
    for_panels<Vector>(columns, [&](int64_t first, int64_t count, int64_t width) {
      float* panel = panels + first * depth;
      for (int64_t leaf = 0; leaf < leaves; panel += products[leaf++].k * width)
        copy_panel(products[leaf].b + column + first, s.n, count, products[leaf].k, panel, width);
    });
    for (int64_t row = begin; row < end; row += kMostRows2) {
      const int64_t rows = end - row < kMostRows2 ? end - row : kMostRows2;
      for_panels<Vector>(columns, [&](int64_t first, int64_t count, int64_t width) {
        t.b = panels + first * depth;
        t.b_step = width;
        t.c = c + row * s.n + column + first;
        t.bias = bias ? bias + column + first : nullptr;
        t.columns = t.stored = count;
        // What lanes compute together stays with the lane; other lanes have read its own sums.
        for (int64_t r = 0; share.parts == 1 && r < rows; ++r)
          take_lines(t.c + r * t.c_stride, width);
        const bool large = rows * width > 6 * kLanes<Vector>;  // others sum in another order
        multiply_tile_of_leaves<Vector>(t, rows, width, leaves, large ? node : 1, products, row,
                                        buffers);
      });
    }
  }
}

}  // namespace

PlanInfo matmul_info(const MatmulTask& task) noexcept {
  const MatmulSpec& s = task.spec;
  if (in_dots(task) || in_place(task)) return {};
  const int64_t columns = with_vector(s.n, [&s](auto v) { return padded<decltype(v)>(s.n); });
  const auto bytes = [](int64_t floats) { return static_cast<size_t>(floats) * sizeof(float); };
  if (task.pack_b) return {0, bytes(columns * s.k)};
  // Fewer rows than the most make wider blocks, up to kBlockFloats.
  const int64_t depth = s.k * s.leaves, panel = 2 * kLanes<Wide> * depth;
  const int64_t block = panel > kBlockFloats ? panel : kBlockFloats, all = columns * depth;
  return {bytes((all < block ? all : block) + levels_of(s.leaves) * kTileFloats), 0};
}

void matmul_pack(const MatmulTask& task, const float* b, float* packed, Share share) noexcept {
  const MatmulSpec& s = task.spec;
  with_vector(s.n, [&](auto v) {
    for_panels<decltype(v)>(s.n, share, [&](int64_t first, int64_t count, int64_t width) {
      s.transpose_b ? transpose_panel(b + first * s.k, s.k, count, s.k, packed + first * s.k, width)
                    : copy_panel(b + first, s.n, count, s.k, packed + first * s.k, width);
    });
  });
}

void matmul_run(const MatmulTask& task, void* const* arguments, float* scratch) noexcept {
  const MatmulSpec& s = task.spec;
  const auto* a = static_cast<const float*>(arguments[0]);
  const auto* b = static_cast<const float*>(arguments[1]);
  const auto* bias = s.bias ? static_cast<const float*>(arguments[2]) : nullptr;
  auto* c = static_cast<float*>(arguments[3]);
  if (task.pack_b) {
    const RowBlock all{a, c, s.m};
    return matmul_run_blocks(task, 1, &all, b, bias);
  }
  with_vector(s.n, [&](auto v) {
    const LeafProduct product{a, b, s.k};
    multiply_columns<decltype(v)>(s, 1, &product, bias, c, {0, 1}, scratch);
  });
  finish_activation(s.activation, s.alpha, s.m * s.n, c);
}

void matmul_run_blocks(const MatmulTask& task, int64_t blocks, const RowBlock* of, const float* b,
                       const float* bias) noexcept {
  const MatmulSpec& s = task.spec;
  if (in_dots(task)) {
    multiply_by_dots(s, blocks, of, b, bias);
  } else {
    with_vector(s.n, [&](auto v) {
      multiply_panels<decltype(v)>(s, blocks, of, b, !in_place(task), bias);
    });
  }
  for (int64_t i = 0; i < blocks; ++i)
    finish_activation(s.activation, s.alpha, of[i].m * s.n, of[i].c);
}

void matmul_run_leaves(const MatmulTask& task, int64_t leaves, const LeafProduct* products,
                       float* c, Share share, float* scratch) noexcept {
  with_vector(task.spec.n, [&](auto v) {
    multiply_columns<decltype(v)>(task.spec, leaves, products, nullptr, c, share, scratch);
  });
}

const OwnPlans& own_plans() noexcept {
#ifdef __FMA__
  constexpr bool kPreferred = true;
#else
  constexpr bool kPreferred = false;
#endif
  static constexpr OwnPlans plans{kPreferred,
                                  activation_forward,
                                  {conv_info, conv_pack, conv_run},
                                  {matmul_info, matmul_pack, matmul_run},
                                  matmul_run_leaves,
                                  matmul_run_blocks};
  return plans;
}

}  // namespace trireme::cpu::TRIREME_LEVEL
