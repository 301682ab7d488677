#include "ps/row_clip.h"

#include <cmath>

#include "ps/table_shards.h"

namespace trireme::ps {
namespace {

double factor_of(double squares, float grad_scale, double limit) {
  const double norm = std::sqrt(squares) * std::abs(double{grad_scale});
  return std::isfinite(norm) && norm > limit ? limit / norm : 1;
}

}  // namespace

float clipped_scale(float grad_scale, std::span<const double> squares, double limit) {
  if (limit <= 0) return grad_scale;
  double sum = 0;
  for (const double s : squares) sum += s;
  return static_cast<float>(grad_scale * factor_of(sum, grad_scale, limit));
}

std::vector<float> table_scales(float grad_scale, std::span<const double> squares, double limit) {
  std::vector<float> scales;
  if (limit <= 0) return scales;
  for (; !squares.empty(); squares = squares.subspan(kTableShards))
    scales.push_back(clipped_scale(grad_scale, squares.first(kTableShards), limit));
  return scales;
}

float row_factor(float grad_scale, std::span<const float> row, double limit) {
  double sum = 0;
  for (const float g : row) sum += double{g} * double{g};
  return static_cast<float>(factor_of(sum, grad_scale, limit));
}

}  // namespace trireme::ps
