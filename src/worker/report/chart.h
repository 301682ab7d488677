#pragma once
// Line charts as inline SVG; colours come from the page's style sheet.

#include <string>
#include <vector>

#include "worker/report/axis.h"

namespace trireme {

struct Point {
  double x, y;  // y not finite: the line breaks
};
using Points = std::vector<Point>;

// At most `limit` points: the smallest and the largest of each of limit / 2 runs of neighbours.
Points downsample(const Points& points, size_t limit);
// Exponential average over about `span` points, unbiased at the start; breaks stay breaks.
Points smoothed(const Points& points, double span);

struct Series {
  std::string label;  // in the legend; "" none
  std::string style;  // class of the style sheet: "train", "validation"
  Points points;
  bool faint = false;    // behind the others; does not set the range of y
  bool markers = false;  // a dot a point, with its values as tooltip
};

struct Chart {
  std::string title = {}, unit = {};
  AxisFormat format = AxisFormat::plain;
  bool from_zero = false;
  bool may_be_log = false;  // when the values span more than a factor of 30
  std::vector<Series> series = {};
};

// A <figure> with title, legend (label and last value) and the drawing; "" when no point is finite.
// `id` must be unique in the page.
std::string chart_html(const Chart& chart, const std::string& id);

}  // namespace trireme
