#include "worker/run_log/numbers.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <string_view>

namespace trireme {

std::string with_commas(int64_t value) {
  std::string digits = std::to_string(value);
  const size_t first = value < 0 ? 1 : 0;
  for (size_t place = digits.size(); place > first + 3;) {
    place -= 3;
    digits.insert(place, 1, ',');
  }
  return digits;
}

std::string short_duration(double seconds) {
  if (!std::isfinite(seconds)) return "-";
  const int64_t s = std::llround(std::max(0.0, seconds));
  if (s < 3600) return fmt::format("{}:{:02}", s / 60, s % 60);
  return fmt::format("{}:{:02}:{:02}", s / 3600, s / 60 % 60, s % 60);
}

std::string long_duration(double seconds) {
  if (!std::isfinite(seconds)) return "-";
  if (seconds < 9.95) return fmt::format("{:.1f} s", seconds);
  const int64_t s = std::llround(seconds);
  if (s < 60) return fmt::format("{} s", s);
  if (s < 3600) return fmt::format("{} min {} s", s / 60, s % 60);
  return fmt::format("{} h {} min", s / 3600, s / 60 % 60);
}

bool is_fraction_metric(const std::string& name) {
  constexpr std::array<std::string_view, 9> kPrefixes = {
      "accuracy", "top_", "f1", "precision", "recall", "auc", "balanced", "hit_rate", "ndcg"};
  return std::any_of(kPrefixes.begin(), kPrefixes.end(),
                     [&](std::string_view p) { return name.starts_with(p); });
}

std::string metric_text(const std::string& name, double value) {
  if (!std::isfinite(value)) return std::isnan(value) ? "NaN" : (value > 0 ? "Inf" : "-Inf");
  if (is_fraction_metric(name)) return fmt::format("{:.2f}%", 100 * value);
  const double size = std::abs(value);
  if (size >= 1e-3 && size < 1e4) return fmt::format("{:.4f}", value);
  return fmt::format("{:.4g}", value);
}

}  // namespace trireme
