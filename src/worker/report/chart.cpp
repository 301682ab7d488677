#include "worker/report/chart.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <limits>
#include <optional>

#include "worker/report/html.h"
#include "worker/run_log/numbers.h"

namespace trireme {

namespace {

constexpr double kWidth = 560, kHeight = 250, kLeft = 52, kRight = 14, kTop = 10, kBottom = 30;
constexpr double kPlotWidth = kWidth - kLeft - kRight, kPlotHeight = kHeight - kTop - kBottom;
constexpr size_t kMaxPoints = 1000;
constexpr double kLogFactor = 30;

struct Extent {
  double low = std::numeric_limits<double>::infinity(), high = -low;
  void add(double v) {
    low = std::min(low, v);
    high = std::max(high, v);
  }
  bool empty() const { return low > high; }
};

struct Frame {
  Axis x, y;
  double px(double v) const { return kLeft + kPlotWidth * x.place(v); }
  double py(double v) const { return kTop + kPlotHeight * (1 - y.place(v)); }
};

Axis y_axis(const Chart& chart, Extent y) {
  if (chart.may_be_log && y.low > 0 && y.high / y.low > kLogFactor)
    return Axis(y.low / 1.15, y.high * 1.15, Scale::log, chart.format);
  if (chart.from_zero) y.add(0);
  return Axis::rounded(y.low, y.high, chart.format);
}

// nullopt: nothing to draw.
std::optional<Frame> frame_of(const Chart& chart) {
  Extent x, y, all;
  for (const Series& s : chart.series) {
    for (const Point& p : s.points) {
      if (!std::isfinite(p.y)) continue;
      x.add(p.x);
      all.add(p.y);
      if (!s.faint) y.add(p.y);
    }
  }
  if (x.empty()) return std::nullopt;
  if (chart.from_zero || y.empty()) y = all;
  return Frame{Axis(x.low, x.high, Scale::linear, AxisFormat::count), y_axis(chart, y)};
}

std::string grid(const Frame& f) {
  std::string svg;
  for (const Tick& t : f.y.ticks()) {
    const double y = f.py(t.value);
    svg += fmt::format("<line class=\"grid\" x1=\"{}\" x2=\"{}\" y1=\"{:.1f}\" y2=\"{:.1f}\"/>",
                       kLeft, kWidth - kRight, y, y);
    svg += fmt::format("<text x=\"{}\" y=\"{:.1f}\" text-anchor=\"end\">{}</text>", kLeft - 8,
                       y + 4, t.text);
  }
  for (const Tick& t : f.x.ticks()) {
    const double x = f.px(t.value);
    svg += fmt::format("<line class=\"tick\" x1=\"{:.1f}\" x2=\"{:.1f}\" y1=\"{}\" y2=\"{}\"/>", x,
                       x, kTop + kPlotHeight, kTop + kPlotHeight + 4);
    // A label at the right end would be cut off, and "step" stands there.
    if (x < kWidth - kRight - 34)
      svg += fmt::format("<text x=\"{:.1f}\" y=\"{}\" text-anchor=\"middle\">{}</text>", x,
                         kHeight - 10, t.text);
  }
  svg += fmt::format("<line class=\"axis\" x1=\"{}\" x2=\"{}\" y1=\"{}\" y2=\"{}\"/>", kLeft,
                     kWidth - kRight, kTop + kPlotHeight, kTop + kPlotHeight);
  return svg + fmt::format("<text x=\"{}\" y=\"{}\" text-anchor=\"end\">step</text>",
                           kWidth - kRight, kHeight - 10);
}

std::string path(const Frame& f, const Series& s) {
  std::string d;
  bool pen_down = false;
  for (const Point& p : downsample(s.points, kMaxPoints)) {
    const bool drawable = std::isfinite(p.y) && std::isfinite(f.py(p.y));
    if (drawable) d += fmt::format("{}{:.1f} {:.1f}", pen_down ? "L" : "M", f.px(p.x), f.py(p.y));
    pen_down = drawable;
  }
  return fmt::format("<path class=\"line {}{}\" d=\"{}\"/>", s.style, s.faint ? " faint" : "", d);
}

std::string value_text(const Chart& chart, double v) {
  if (chart.format == AxisFormat::percent) return fmt::format("{:.2f}%", 100 * v);
  if (chart.format == AxisFormat::count) return with_commas(std::llround(v));
  return fmt::format("{:.4g}", v);
}

std::string markers(const Chart& chart, const Frame& f, const Series& s) {
  std::string svg;
  for (const Point& p : downsample(s.points, 100)) {
    if (!std::isfinite(p.y) || !std::isfinite(f.py(p.y))) continue;
    svg += fmt::format(
        "<circle class=\"dot {}\" cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"3\"><title>step {}: "
        "{}</title></circle>",
        s.style, f.px(p.x), f.py(p.y), with_commas(std::llround(p.x)), value_text(chart, p.y));
  }
  return svg;
}

std::string legend(const Chart& chart) {
  std::string html;
  for (const Series& s : chart.series) {
    const auto last = std::find_if(s.points.rbegin(), s.points.rend(),
                                   [](const Point& p) { return std::isfinite(p.y); });
    if (s.label.empty() || last == s.points.rend()) continue;
    html += fmt::format("<span class=\"key\"><i class=\"{}\"></i>{} <b>{}</b></span>", s.style,
                        escape_html(s.label), value_text(chart, last->y));
  }
  return html;
}

}  // namespace

Points downsample(const Points& points, size_t limit) {
  if (points.size() <= limit) return points;
  const size_t runs = std::max<size_t>(1, limit / 2);
  Points kept;
  const auto lower = [](const Point& a, const Point& b) { return a.y < b.y; };
  for (size_t run = 0; run < runs; ++run) {
    const auto first = points.begin() + static_cast<std::ptrdiff_t>(run * points.size() / runs);
    const auto last =
        points.begin() + static_cast<std::ptrdiff_t>((run + 1) * points.size() / runs);
    const auto broken =
        std::find_if(first, last, [](const Point& p) { return !std::isfinite(p.y); });
    if (broken != last) {  // a break is worth more than an extreme
      kept.push_back(*broken);
      continue;
    }
    const auto [smallest, largest] = std::minmax_element(first, last, lower);
    kept.push_back(*std::min(smallest, largest));
    if (smallest != largest) kept.push_back(*std::max(smallest, largest));
  }
  return kept;
}

Points smoothed(const Points& points, double span) {
  const double keep = 1 - 2 / (std::max(1.0, span) + 1);
  Points result = points;
  double sum = 0, weight = 0;
  for (Point& p : result) {
    if (!std::isfinite(p.y)) continue;
    sum = keep * sum + p.y;
    weight = keep * weight + 1;
    p.y = sum / weight;
  }
  return result;
}

std::string chart_html(const Chart& chart, const std::string& id) {
  const auto frame = frame_of(chart);
  if (!frame) return {};
  std::string lines;
  for (const bool faint : {true, false}) {
    for (const Series& s : chart.series) {
      if (s.faint == faint) lines += path(*frame, s);
    }
  }
  for (const Series& s : chart.series) {
    if (s.markers) lines += markers(chart, *frame, s);
  }
  const std::string title = escape_html(chart.title);
  const std::string unit =
      chart.unit.empty() ? "" : fmt::format(" <small>{}</small>", escape_html(chart.unit));
  return fmt::format(
      "<figure><figcaption><h3>{}{}</h3><div>{}</div></figcaption>"
      "<svg viewBox=\"0 0 {} {}\" role=\"img\" aria-label=\"{}\">{}"
      "<clipPath id=\"{}\"><rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\"/></clipPath>"
      "<g clip-path=\"url(#{})\">{}</g></svg></figure>\n",
      title, unit, legend(chart), kWidth, kHeight, title, grid(*frame), id, kLeft - 4, kTop - 4,
      kPlotWidth + 8, kPlotHeight + 4, id, lines);
}

}  // namespace trireme
