#include "ps/row_optimizer.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include "base/error.h"

namespace trireme::ps {
namespace {
constexpr int64_t kBlock = 1024;  // floats of one call: rows are gathered, stepped, scattered
constexpr size_t kMostMoments = 3;
constexpr size_t kAhead = 8;

const SlotRule kRule{1, 1};
}  // namespace

RowOptimizer::RowOptimizer(const Optimizer& optimizer, bool rowwise, const RowClip& clip)
    : spec_(optimizer.spec()),
      state_(optimizer.state().begin(), optimizer.state().end()),
      initial_(optimizer.initial_state(0)),
      rowwise_(rowwise),
      clip_(clip) {
  if (rowwise && spec_.kind != OptimizerKind::adagrad)
    throw ConfigError("optimizer.rowwise needs optimizer.name = adagrad",
                      "remove optimizer.rowwise");
}

std::vector<RowOptimizer::Moment> RowOptimizer::moments(int64_t dim) const {
  std::vector<Moment> result;
  for (const std::string& name : state_) result.push_back({name, rowwise_ ? 1 : dim});
  return result;
}

RowState RowOptimizer::row_state(int64_t dim) const {
  return {static_cast<int64_t>(state_.size()) * (rowwise_ ? 1 : dim), initial_};
}

void RowOptimizer::step(const KernelTable& kernels, const OptimizerScalars& scalars,
                        RowTable& table, std::span<const RowId> rows, const RowsView& gradient,
                        int64_t first, int64_t last) const {
  if (scalars.skip != 0) return;
  const int64_t at_once = std::max<int64_t>(1, kBlock / table.dim());
  std::vector<float> room;
  for (int64_t i = first; i < last; i += at_once) {
    const auto count = static_cast<size_t>(std::min(at_once, last - i));
    const auto part = rows.subspan(static_cast<size_t>(i), count);
    const float* from = clipped(scalars, gradient, i, static_cast<int64_t>(count), room);
    if (rowwise_) {
      for (size_t k = 0; k < count; ++k)
        step_rowwise(scalars, table, part[k], from + static_cast<int64_t>(k) * table.dim());
    } else {
      step_elements(kernels, scalars, table, part, from);
    }
    for (const RowId row : part) {
      RowHeader& header = table.header(row);
      header.last_step = scalars.step;
      ++header.updates;
    }
  }
}

// The gradients of rows [first, first + count): where they lie, or, where one of them is clipped,
// in `room`.
const float* RowOptimizer::clipped(const OptimizerScalars& scalars, const RowsView& gradient,
                                   int64_t first, int64_t count, std::vector<float>& room) const {
  const float* from = gradient.row(first);
  if (clip_.row <= 0) return from;
  const int64_t dim = gradient.dim;
  bool copied = false;
  for (int64_t k = 0; k < count; ++k) {
    const std::span<const float> row(from + k * dim, static_cast<size_t>(dim));
    const float factor = row_factor(scalars.grad_scale, row, clip_.row);
    if (factor == 1) continue;
    if (!std::exchange(copied, true)) room.assign(from, from + count * dim);
    for (int64_t e = k * dim; e < (k + 1) * dim; ++e) room[static_cast<size_t>(e)] *= factor;
  }
  return copied ? room.data() : from;
}

// The kernel wants ranges: rows are brought together, moments apart, and taken back. A row as long
// as a block is stepped where it lies.
void RowOptimizer::step_elements(const KernelTable& kernels, const OptimizerScalars& scalars,
                                 RowTable& table, std::span<const RowId> rows,
                                 const float* gradients) const {
  const SlotRules rules{nullptr, &kRule, 1};
  const int64_t dim = table.dim();
  const auto call = [&](int64_t n, float* w, const std::array<float*, kMostMoments>& s) {
    const Status status = kernels.optimizer_step(nullptr, &spec_, &scalars, &rules, 0, n, gradients,
                                                 w, s[0], s[1], s[2], nullptr, nullptr);
    if (status != Status::ok) throw DeviceError("the kernel for the optimizer failed on rows");
  };
  std::array<float*, kMostMoments> state{};
  const size_t moments = state_.size();
  if (dim >= kBlock) {
    for (size_t m = 0; m < moments; ++m)
      state[m] = table.state(rows[0]) + static_cast<int64_t>(m) * dim;
    return call(dim, table.weights(rows[0]), state);
  }
  alignas(kAlignment) float block[kMostMoments + 1][kBlock];
  // Weights and moments of a row lie one behind the other.
  const auto each = [&](auto move) {
    for (size_t k = 0; k < rows.size(); ++k) {
      if (k + kAhead < rows.size()) table.prefetch(rows[k + kAhead]);
      float* row = table.weights(rows[k]);
      for (size_t m = 0; m <= moments; ++m)
        move(block[m] + static_cast<int64_t>(k) * dim, row + static_cast<int64_t>(m) * dim);
    }
  };
  each([&](float* packed, const float* row) { std::copy_n(row, dim, packed); });
  for (size_t m = 0; m < moments; ++m) state[m] = block[m + 1];
  call(static_cast<int64_t>(rows.size()) * dim, block[0], state);
  each([&](const float* packed, float* row) { std::copy_n(packed, dim, row); });
}

// sum += mean(g^2),  w -= lr g / (sqrt(sum) + epsilon)   with g scaled, clamped and decayed.
void RowOptimizer::step_rowwise(const OptimizerScalars& scalars, RowTable& table, RowId row,
                                const float* gradient) const {
  const int64_t dim = table.dim();
  float* w = table.weights(row);
  const float limit = scalars.clip_value;
  const auto g = [&](int64_t e) {
    float v = gradient[e] * scalars.grad_scale;
    if (limit > 0) v = std::clamp(v, -limit, limit);
    return v + spec_.weight_decay * w[e];
  };
  float squares = 0;
  for (int64_t e = 0; e < dim; ++e) squares += g(e) * g(e);
  float& sum = *table.state(row);
  sum += squares / static_cast<float>(dim);
  const double age = static_cast<double>(scalars.step - 1) * static_cast<double>(spec_.lr_decay);
  const auto lr = static_cast<float>(static_cast<double>(scalars.lr) / (1 + age));
  const float divisor = std::sqrt(sum) + spec_.epsilon;
  for (int64_t e = 0; e < dim; ++e) w[e] -= lr * (g(e) / divisor);
}

}  // namespace trireme::ps
