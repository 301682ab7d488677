#pragma once
// Clipping of the gradients of embedding tables. The norms are those of the mean gradient: sums
// times grad_scale, in which clipping by the global norm is contained already; a table's factor is
// in the grad_scale that its rows see. Elements are clamped (clip_value) last, by the optimizer.

#include <cstdint>
#include <span>
#include <vector>

namespace trireme::ps {

struct RowClip {     // largest norms; 0: off
  double row = 0;    // of a row's gradient
  double table = 0;  // of a table's, all its rows together
};

// grad_scale min(1, limit / norm)   with norm = grad_scale sqrt(sum of squares), squares added in
// their order, in fp64. A norm that is not finite changes nothing: that step is not applied.
float clipped_scale(float grad_scale, std::span<const double> squares, double limit);

// clipped_scale() of each table; squares: [tables, kTableShards]. Empty where limit is 0.
std::vector<float> table_scales(float grad_scale, std::span<const double> squares, double limit);

// The factor of a row's gradient: min(1, limit / norm), exactly 1 where it is not above.
float row_factor(float grad_scale, std::span<const float> row, double limit);

}  // namespace trireme::ps
