// dw of convolutions of 3 x 3 by Winograd's F(4x4, 3x3): tiles of x and of dy are transformed, 36
// products [c_out, tiles] [tiles, c_in] are added up over all groups of tiles, and their sums are
// transformed back once.
#include "kernels/cpu/own/plans.h"
#include "kernels/cpu/own/winograd.h"

namespace trireme::cpu::TRIREME_LEVEL {
namespace winograd {
namespace {

struct Gradient {
  explicit Gradient(const ConvTask& task)
      : c_in(task.spec.c_in),
        c_out(task.spec.c_out),
        grid(task.spec.n, task.spec.h, task.spec.w, task.out_h, task.out_w, task.spec.pad_h,
             task.spec.pad_w),
        group(group_tiles(grid, c_in + c_out, kNear)) {}
  // Bytes of a core's second cache: all sums pass through it once a group.
  static constexpr int64_t kNear = 192 << 10;
  int64_t c_in, c_out;
  Grid grid;
  int64_t group;
};

// A dy A^T of one tile and kWidth channels, of which `rows` by `columns` pixels are there; returns
// the sum of dy.
template <bool kWhole>
inline Wide transform_tile(const float* dy, int64_t line, int64_t channels, int64_t rows,
                           int64_t columns, float* transformed, int64_t step) {
  Wide half[kIn][kOut], sum = {};
#pragma GCC unroll 4
  for (int64_t j = 0; j < kOut; ++j) {
    Wide v[kOut], t[kIn];
    for (int64_t i = 0; i < kOut; ++i) {
      const bool there = kWhole || (i < rows && j < columns);
      v[i] = there ? load<Wide>(dy + i * line + j * channels) : Wide{};
    }
    sum += (v[0] + v[1]) + (v[2] + v[3]);
    of_gradient(v, t);
    for (int64_t i = 0; i < kIn; ++i) half[i][j] = t[i];
  }
#pragma GCC unroll 6
  for (int64_t i = 0; i < kIn; ++i) {
    Wide t[kIn];
    of_gradient(half[i], t);
    for (int64_t j = 0; j < kIn; ++j) store(transformed + (i * kIn + j) * step, t[j]);
  }
  return sum;
}

// Of tiles [first, end), dy being zero where they reach past it; db[c] += the sums of dy.
void transform_gradient(const Gradient& p, int64_t first, int64_t end, const float* dy,
                        const Points& transformed, float* db) {
  const int64_t line = p.grid.out_w * p.c_out;
  for_tiles(p.grid, first, end, [&](const Place& at) {
    const auto transform = at.whole() ? transform_tile<true> : transform_tile<false>;
    const float* const from = dy + at.offset(p.grid, p.c_out);
    float* const to = transformed.at + at.number * p.c_out;
    for (int64_t c = 0; c < p.c_out; c += kWidth) {
      const Wide sum =
          transform(from + c, line, p.c_out, at.rows, at.columns, to + c, transformed.step);
      if (db) store(db + c, load<Wide>(db + c) + sum);
    }
  });
}

// sums[point] (+)= gradients[point]^T inputs[point]
void multiply(const Gradient& p, int64_t tiles, const Points& gradients, const Points& inputs,
              bool add, float* sums, Ahead of_x, Ahead of_dy) {
  constexpr int kRows = kMostRows2 / 3 * 2;  // of two vectors; they divide 16
  for (int64_t point = 0; point < kPoints; ++point, sums += p.c_out * p.c_in) {
    of_x.fetch();
    of_dy.fetch();
    for_panels<Wide>(p.c_in, [&](int64_t column, int64_t count, int64_t) {
      const bool two = count > kWidth;
      const auto block =
          two ? (add ? multiply_block<true, kRows, 2, true> : multiply_block<true, kRows, 2, false>)
              : (add ? multiply_block<true, 2 * kRows, 1, true>
                     : multiply_block<true, 2 * kRows, 1, false>);
      for (int64_t row = 0; row < p.c_out; row += two ? kRows : 2 * kRows)
        block(tiles, gradients[point] + row, p.c_out, inputs[point] + column, p.c_in,
              sums + row * p.c_in + column, p.c_in);
    });
  }
}

// dw[c_out][tap][c_in] from sums[point][c_out][c_in].
void transform_sums(const Gradient& p, const float* sums, float* dw) {
  const int64_t point = p.c_out * p.c_in;
  for (int64_t o = 0; o < p.c_out; ++o, dw += 9 * p.c_in) {
    for (int64_t c = 0; c < p.c_in; c += kWidth) {
      const float* const from = sums + o * p.c_in + c;
      Wide half[3][kIn];
      for (int64_t j = 0; j < kIn; ++j) {
        Wide u[kIn], t[3];
        for (int64_t i = 0; i < kIn; ++i) u[i] = load<Wide>(from + (i * kIn + j) * point);
        of_kernel_gradient(u, t);
        for (int64_t i = 0; i < 3; ++i) half[i][j] = t[i];
      }
      for (int64_t i = 0; i < 3; ++i) {
        Wide t[3];
        of_kernel_gradient(half[i], t);
        for (int64_t j = 0; j < 3; ++j) store(dw + (i * 3 + j) * p.c_in + c, t[j]);
      }
    }
  }
}

}  // namespace
}  // namespace winograd

using winograd::kPoints;

PlanInfo winograd_weights_info(const ConvTask& task) noexcept {
  const winograd::Gradient p(task);
  const winograd::Points inputs(nullptr, p.group, p.c_in), gradients(nullptr, p.group, p.c_out);
  const int64_t scratch =
      kPoints * (inputs.step + gradients.step + p.c_in * p.c_out) + winograd::kIn * p.c_in;
  return {static_cast<size_t>(scratch) * sizeof(float), 0};
}

void winograd_weights_run(const ConvTask& task, void* const* arguments, float* scratch) noexcept {
  const winograd::Gradient p(task);
  const auto* x = static_cast<const float*>(arguments[0]);
  const auto* dy = static_cast<const float*>(arguments[1]);
  auto* dw = static_cast<float*>(arguments[2]);
  auto* db = static_cast<float*>(arguments[3]);
  const winograd::Points inputs(scratch, p.group, p.c_in);
  const winograd::Points gradients(inputs.end(), p.group, p.c_out);
  float* const sums = gradients.end();  // [point][c_out][c_in]
  float* const zeros = sums + kPoints * p.c_in * p.c_out;
  if (db) fill(nullptr, p.c_out, 0.0f, db);
  const int64_t tiles = p.grid.tiles();
  for (int64_t first = 0; first < tiles; first += p.group) {
    const int64_t end = tiles - first < p.group ? tiles : first + p.group;
    winograd::transform_input(p.grid, p.c_in, first, end, x, inputs, zeros);
    winograd::transform_gradient(p, first, end, dy, gradients, db);
    // The lines of tiles that the next group begins. Of x a line sees the first two rows of the
    // one after it.
    const int64_t next = tiles - end < p.group ? tiles : end + p.group;
    const int64_t from = end + p.grid.columns - 1, to = next + p.grid.columns - 1;
    winograd::multiply(p, end - first, gradients, inputs, first > 0, sums,
                       p.grid.rows_of_x(x, p.c_in, from, to, 2 - p.grid.pad_h),
                       p.grid.rows_of_y(dy, p.c_out, from, to));
  }
  winograd::transform_sums(p, sums, dw);
}

}  // namespace trireme::cpu::TRIREME_LEVEL
