#pragma once
// One axis of a chart: a range of values, where they lie between 0 and 1, and the ticks a reader
// expects.

#include <string>
#include <vector>

namespace trireme {

enum class Scale { linear, log };
enum class AxisFormat { plain, percent, count };  // 0.05 | 5% | 12k

struct Tick {
  double value;
  std::string text;
};

class Axis {
 public:
  // low <= high, finite; for a log scale both positive. An empty range is widened.
  Axis(double low, double high, Scale scale, AxisFormat format);
  // The same, with both ends moved out to ticks (linear only).
  static Axis rounded(double low, double high, AxisFormat format);
  double place(double value) const;  // 0 at low, 1 at high, not clamped
  const std::vector<Tick>& ticks() const { return ticks_; }

 private:
  void linear_ticks(AxisFormat format);
  void log_ticks();
  double low_, high_;
  Scale scale_;
  std::vector<Tick> ticks_;
};

}  // namespace trireme
