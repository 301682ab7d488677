// C = act(A B + bias) in the two forms that dense layers need; both by the tiles of own/tile.h:
//   packed   A [m,k] as stored, B packed once a step: y = x W^T and dx = dy W
//   columns  A stored [k,m], B [k,n] as stored: dW = dy^T x, the k rows being samples
// Blocks keep one panel of B, or one block of its columns, in the nearest caches.
#include "kernels/cpu/own/panels.h"
#include "kernels/cpu/own/plans.h"

namespace trireme::cpu::TRIREME_LEVEL {
namespace {

constexpr int64_t kDepthBlock = 256;     // of k in the packed form
constexpr int64_t kBlockFloats = 16384;  // of B in the columns form

int64_t block_columns(int64_t depth) {
  constexpr int64_t panel = 2 * kLanes<Wide>;
  const int64_t panels = kBlockFloats / (depth * panel);
  return (panels > 1 ? panels : 1) * panel;
}

template <class Vector>
void multiply_packed(const MatmulSpec& s, const float* a, const float* packed, const float* bias,
                     float* c) {
  Tile t{};
  t.segments = 1;
  t.a_stride = s.k;
  t.c_stride = s.n;
  for (int64_t k = 0; k < s.k; k += kDepthBlock) {
    const bool first_block = k == 0, last_block = k + kDepthBlock >= s.k;
    t.depth = last_block ? s.k - k : kDepthBlock;
    t.a = a + k;
    t.add = s.write == Write::add || !first_block;
    t.relu = s.activation == Activation::relu && last_block;
    for_panels<Vector>(s.n, [&](int64_t first, int64_t count, int64_t width) {
      t.b = packed + first * s.k + k * width;
      t.b_step = width;
      t.c = c + first;
      t.bias = bias && first_block ? bias + first : nullptr;
      t.columns = t.stored = count;
      multiply_panel<Vector, false>(t, s.m);
    });
  }
}

template <class Vector>
void multiply_columns(const MatmulSpec& s, const float* a, const float* b, const float* bias,
                      float* c, float* panels) {
  const int64_t block = block_columns(s.k);
  Tile t{};
  t.segments = 1;
  t.depth = s.k;
  t.a_stride = s.m;
  t.c_stride = s.n;
  t.add = s.write == Write::add;
  t.relu = s.activation == Activation::relu;
  for (int64_t column = 0; column < s.n; column += block) {
    const int64_t columns = s.n - column < block ? s.n - column : block;
    for_panels<Vector>(columns, [&](int64_t first, int64_t count, int64_t width) {
      copy_panel(b + column + first, s.n, count, s.k, panels + first * s.k, width);
    });
    for (int64_t row = 0; row < s.m; row += kMostRows2) {
      const int64_t rows = s.m - row < kMostRows2 ? s.m - row : kMostRows2;
      for_panels<Vector>(columns, [&](int64_t first, int64_t count, int64_t width) {
        t.a = a + row;
        t.b = panels + first * s.k;
        t.b_step = width;
        t.c = c + row * s.n + column + first;
        t.bias = bias ? bias + column + first : nullptr;
        t.columns = t.stored = count;
        multiply_panel<Vector, true>(t, rows);
      });
    }
  }
}

}  // namespace

PlanInfo matmul_info(const MatmulTask& task) noexcept {
  const MatmulSpec& s = task.spec;
  const int64_t columns = with_vector(s.n, [&s](auto v) { return padded<decltype(v)>(s.n); });
  const auto bytes = [](int64_t floats) { return static_cast<size_t>(floats) * sizeof(float); };
  if (task.pack_b) return {0, bytes(columns * s.k)};
  const int64_t block = block_columns(s.k);
  return {bytes((columns < block ? columns : block) * s.k), 0};
}

void matmul_pack(const MatmulTask& task, const float* b, float* packed) noexcept {
  const MatmulSpec& s = task.spec;
  with_vector(s.n, [&](auto v) {
    for_panels<decltype(v)>(s.n, [&](int64_t first, int64_t count, int64_t width) {
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
  with_vector(s.n, [&](auto v) {
    task.pack_b ? multiply_packed<decltype(v)>(s, a, b, bias, c)
                : multiply_columns<decltype(v)>(s, a, b, bias, c, scratch);
  });
  finish_activation(s.activation, s.alpha, s.m * s.n, c);
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
                                  {matmul_info, matmul_pack, matmul_run}};
  return plans;
}

}  // namespace trireme::cpu::TRIREME_LEVEL
