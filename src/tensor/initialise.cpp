// Initial values, with the formulae of torch.nn.init (the numbers are ours: counter-based).
#include <algorithm>
#include <cmath>
#include <numbers>

#include "base/error.h"
#include "base/parallel.h"
#include "base/rng.h"
#include "tensor/param_table.h"

namespace trireme {
namespace {

double uniform(uint64_t key, int64_t i, double low, double high) {
  const Philox4 w = philox(key, static_cast<uint64_t>(i), 0);
  return low + (high - low) * to_unit_double(w[0], w[1]);
}

// Box-Muller over two of the 53-bit uniforms; `attempt` tells redraws of one element apart.
double normal(uint64_t key, int64_t i, uint64_t attempt) {
  const Philox4 w = philox(key, static_cast<uint64_t>(i), attempt);
  const double u = 1.0 - to_unit_double(w[0], w[1]), v = to_unit_double(w[2], w[3]);
  return std::sqrt(-2.0 * std::log(u)) * std::cos(2.0 * std::numbers::pi * v);
}

// torch.nn.init.trunc_normal_: cut at -2 and 2 (absolute values), by redrawing.
double truncated_normal(uint64_t key, int64_t i, double mean, double deviation) {
  constexpr uint64_t kAttempts = 64;
  double x = mean;
  for (uint64_t attempt = 0; attempt < kAttempts; ++attempt) {
    x = mean + deviation * normal(key, i, attempt);
    if (x >= -2.0 && x <= 2.0) return x;
  }
  return std::clamp(x, -2.0, 2.0);
}

double positive_fan(const Slot& slot, int64_t fan) {
  if (fan > 0) return static_cast<double>(fan);
  throw ConfigError(
      "parameter " + slot.name + ": its initialiser needs a fan, which is " + std::to_string(fan),
      "use uniform, normal or constant here");
}

// Kaiming: gain sqrt(2 / (1 + a^2)) over sqrt(fan). Xavier: gain * sqrt(2 / (fan_in + fan_out)).
double deviation_of(const Slot& slot) {
  const Initializer& init = slot.init;
  if (init.kind == Init::xavier_uniform || init.kind == Init::xavier_normal) {
    const double fans = positive_fan(slot, slot.fan_in) + positive_fan(slot, slot.fan_out);
    return (init.a == 0 ? 1.0 : init.a) * std::sqrt(2.0 / fans);
  }
  const double fan = positive_fan(slot, init.b == 1 ? slot.fan_out : slot.fan_in);
  return std::sqrt(2.0 / (1.0 + init.a * init.a)) / std::sqrt(fan);
}

// Each element on its own: by as many threads as there are.
template <class Draw>
void fill(float* out, int64_t n, Draw draw) {
  constexpr int64_t kPiece = 1024;
  parallel_for((n + kPiece - 1) / kPiece, [&](int64_t piece) {
    const int64_t begin = piece * kPiece, end = std::min(begin + kPiece, n);
    for (int64_t i = begin; i < end; ++i) out[i] = static_cast<float>(draw(i));
  });
}

}  // namespace

void initialise(const Slot& slot, uint64_t seed, float* logical) {
  const uint64_t key = mix(seed, hash_name(slot.name));
  const int64_t n = slot.logical.elements();
  const double a = slot.init.a, b = slot.init.b;
  switch (slot.init.kind) {
    case Init::zeros:
      return fill(logical, n, [](int64_t) { return 0.0; });
    case Init::ones:
      return fill(logical, n, [](int64_t) { return 1.0; });
    case Init::constant:
      return fill(logical, n, [&](int64_t) { return a; });
    case Init::uniform:
      return fill(logical, n, [&](int64_t i) { return uniform(key, i, a, b); });
    case Init::normal:
      return fill(logical, n, [&](int64_t i) { return a + b * normal(key, i, 0); });
    case Init::truncated_normal:
      return fill(logical, n, [&](int64_t i) { return truncated_normal(key, i, a, b); });
    case Init::kaiming_uniform:
    case Init::xavier_uniform: {
      const double bound = std::sqrt(3.0) * deviation_of(slot);
      return fill(logical, n, [&](int64_t i) { return uniform(key, i, -bound, bound); });
    }
    case Init::kaiming_normal:
    case Init::xavier_normal: {
      const double deviation = deviation_of(slot);
      return fill(logical, n, [&](int64_t i) { return deviation * normal(key, i, 0); });
    }
  }
}

}  // namespace trireme
