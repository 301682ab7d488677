#include "worker/report/axis.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace trireme {

namespace {

constexpr double kTickTarget = 5;

// 1, 2 or 5 times a power of ten, so that about kTickTarget steps make the range.
double nice_step(double range) {
  const double rough = range / kTickTarget;
  const double power = std::pow(10.0, std::floor(std::log10(rough)));
  for (const double factor : {1.0, 2.0, 5.0}) {
    if (factor * power >= rough * 0.999) return factor * power;
  }
  return 10 * power;
}

std::string count_text(double value) {
  const double size = std::abs(value);
  if (size >= 1e9) return fmt::format("{:g}G", value / 1e9);
  if (size >= 1e6) return fmt::format("{:g}M", value / 1e6);
  if (size >= 1e3) return fmt::format("{:g}k", value / 1e3);
  return fmt::format("{:g}", value);
}

std::string tick_text(double value, double step, AxisFormat format) {
  if (format == AxisFormat::count) return count_text(value);
  const double scaled = format == AxisFormat::percent ? 100 : 1;
  const int places = static_cast<int>(std::max(0.0, std::ceil(-std::log10(step * scaled) - 1e-9)));
  if (format == AxisFormat::percent) return fmt::format("{:.{}f}%", scaled * value, places);
  return places > 4 && value != 0 ? fmt::format("{:.3g}", value)
                                  : fmt::format("{:.{}f}", value, std::min(places, 4));
}

}  // namespace

Axis::Axis(double low, double high, Scale scale, AxisFormat format)
    : low_(low), high_(high), scale_(scale) {
  if (high_ - low_ <= 1e-12 * std::max(std::abs(low_), std::abs(high_))) {
    const double room = low_ == 0 ? 1 : 0.1 * std::abs(low_);
    low_ -= room;
    high_ += room;
  }
  scale_ == Scale::linear ? linear_ticks(format) : log_ticks();
}

Axis Axis::rounded(double low, double high, AxisFormat format) {
  if (high - low <= 1e-12 * std::max(std::abs(low), std::abs(high)))
    return Axis(low, high, Scale::linear, format);
  const double step = nice_step(high - low);
  const double bottom = std::floor(low / step + 1e-9) * step;
  double top = std::ceil(high / step - 1e-9) * step;
  if (format == AxisFormat::percent) top = std::min(top, std::max(1.0, high));
  return Axis(bottom, top, Scale::linear, format);
}

double Axis::place(double value) const {
  if (scale_ == Scale::linear) return (value - low_) / (high_ - low_);
  return (std::log10(value) - std::log10(low_)) / (std::log10(high_) - std::log10(low_));
}

void Axis::linear_ticks(AxisFormat format) {
  const double step = nice_step(high_ - low_);
  for (double i = std::ceil(low_ / step - 1e-9); i * step <= high_ + 1e-9 * step; ++i) {
    const double value = i == 0 ? 0 : i * step;  // never -0
    ticks_.push_back({value, tick_text(value, step, format)});
  }
}

// Powers of ten; 2 and 5 times them too where the range is short.
void Axis::log_ticks() {
  const bool dense = std::log10(high_ / low_) < 2.5;
  for (double power = std::floor(std::log10(low_)); power <= std::log10(high_); ++power) {
    for (const double factor : {1.0, 2.0, 5.0}) {
      const double value = factor * std::pow(10.0, power);
      if ((factor == 1 || dense) && value >= low_ * 0.999 && value <= high_ * 1.001)
        ticks_.push_back({value, fmt::format("{:g}", value)});
    }
  }
}

}  // namespace trireme
