#include "export/parity.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/error.h"

namespace trireme {

ParityReport compare_outputs(const std::string& what, const HostTensor& got,
                             const HostTensor& expected, double atol, double rtol) {
  if (got.shape != expected.shape)
    throw FormatError(
        fmt::format("{} gives {}, training gave {}", what, got.shape.str(), expected.shape.str()));
  const std::span<const float> a = got.floats(), b = expected.floats();
  const int64_t width = b.empty() ? 1 : static_cast<int64_t>(b.size()) / expected.shape[0];
  ParityReport report;
  report.passed = true;
  size_t worst = 0;
  double worst_excess = -1;
  for (size_t i = 0; i < b.size(); ++i) {
    const double difference = std::abs(double{a[i]} - double{b[i]});
    const double allowed = atol + rtol * std::abs(double{b[i]});
    const bool finite = std::isfinite(difference);
    if (!finite || difference > allowed) report.passed = false;
    const double excess = finite ? difference - allowed : HUGE_VAL;
    if (excess > worst_excess || i == 0) {
      worst_excess = excess;
      worst = i;
    }
    report.max_absolute = std::max(report.max_absolute, finite ? difference : HUGE_VAL);
    if (b[i] != 0)
      report.max_relative =
          std::max(report.max_relative, finite ? difference / std::abs(double{b[i]}) : HUGE_VAL);
  }
  report.compared = static_cast<int64_t>(b.size());
  report.text = fmt::format("{}: {} values compared, largest difference {:.3g} (relative {:.3g})",
                            what, report.compared, report.max_absolute, report.max_relative);
  if (!report.passed)
    report.text +=
        fmt::format("; sample {}, output {}: {} where training gave {}; allowed {:.3g}",
                    static_cast<int64_t>(worst) / width, static_cast<int64_t>(worst) % width,
                    a[worst], b[worst], atol + rtol * std::abs(double{b[worst]}));
  return report;
}

}  // namespace trireme
