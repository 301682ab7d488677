#include "worker/report/chart.h"

#include <gmock/gmock.h>

#include <cmath>

namespace trireme {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

std::vector<std::string> texts(const Axis& axis) {
  std::vector<std::string> result;
  for (const Tick& t : axis.ticks()) result.push_back(t.text);
  return result;
}

TEST(Axis, TicksAreRoundNumbers) {
  EXPECT_THAT(texts(Axis(0, 1, Scale::linear, AxisFormat::plain)),
              ElementsAre("0.0", "0.2", "0.4", "0.6", "0.8", "1.0"));
  EXPECT_THAT(texts(Axis(0, 0.05, Scale::linear, AxisFormat::plain)),
              ElementsAre("0.00", "0.01", "0.02", "0.03", "0.04", "0.05"));
  EXPECT_THAT(texts(Axis(1, 3752, Scale::linear, AxisFormat::count)),
              ElementsAre("1k", "2k", "3k"));
  EXPECT_THAT(texts(Axis(0.97, 1, Scale::linear, AxisFormat::percent)),
              ElementsAre("97%", "98%", "99%", "100%"));
  EXPECT_THAT(texts(Axis(-1, 1, Scale::linear, AxisFormat::plain)),
              ElementsAre("-1.0", "-0.5", "0.0", "0.5", "1.0"));
}

TEST(Axis, OfALongLogScaleShowsPowersOfTen) {
  EXPECT_THAT(texts(Axis(0.0008, 3, Scale::log, AxisFormat::plain)),
              ElementsAre("0.001", "0.01", "0.1", "1"));
  EXPECT_THAT(texts(Axis(0.04, 1.1, Scale::log, AxisFormat::plain)),
              ElementsAre("0.05", "0.1", "0.2", "0.5", "1"));
}

TEST(Axis, PlacesValuesBetweenItsEnds) {
  EXPECT_DOUBLE_EQ(Axis(0, 10, Scale::linear, AxisFormat::plain).place(2.5), 0.25);
  EXPECT_DOUBLE_EQ(Axis(0.01, 100, Scale::log, AxisFormat::plain).place(1), 0.5);
}

TEST(Axis, OfOneValueStillHasRoom) {
  for (const double value : {0.0, 0.05, -3.0, 1e9}) {
    const Axis axis = Axis::rounded(value, value, AxisFormat::plain);
    EXPECT_NEAR(axis.place(value), 0.5, 1e-9) << value;
    EXPECT_FALSE(axis.ticks().empty());
  }
}

TEST(Downsample, KeepsExtremesAndBreaks) {
  Points points;
  for (int i = 0; i < 100000; ++i) points.push_back({static_cast<double>(i), std::sin(i * 0.001)});
  points[31234].y = 7;
  points[70000].y = NAN;
  const Points kept = downsample(points, 1000);
  EXPECT_LE(kept.size(), 1000u);
  EXPECT_GE(kept.size(), 990u);
  double largest = 0;
  bool broken = false;
  for (size_t i = 0; i < kept.size(); ++i) {
    if (std::isfinite(kept[i].y)) largest = std::max(largest, kept[i].y);
    broken = broken || std::isnan(kept[i].y);
    if (i > 0) {
      EXPECT_LT(kept[i - 1].x, kept[i].x);
    }
  }
  EXPECT_EQ(largest, 7);
  EXPECT_TRUE(broken);
}

TEST(Downsample, LeavesFewPointsAlone) { EXPECT_EQ(downsample({{1, 2}, {2, 3}}, 1000).size(), 2u); }

TEST(Smoothed, IsUnbiasedAtTheStartAndSkipsBreaks) {
  const Points result = smoothed({{0, 4}, {1, NAN}, {2, 8}}, 3);
  EXPECT_DOUBLE_EQ(result[0].y, 4);
  EXPECT_TRUE(std::isnan(result[1].y));
  EXPECT_DOUBLE_EQ(result[2].y, (0.5 * 4 + 8) / 1.5);
}

TEST(ChartHtml, BreaksTheLineWhereAValueIsNotFinite) {
  Chart chart{.title = "Loss"};
  chart.series.push_back({"training", "train", {{1, 1}, {2, 0.5}, {3, NAN}, {4, 0.4}, {5, 0.3}}});
  const std::string html = chart_html(chart, "clip");
  const size_t path = html.find(" d=\"");
  const std::string d = html.substr(path, html.find("\"/>", path) - path);
  EXPECT_EQ(std::count(d.begin(), d.end(), 'M'), 2);
  EXPECT_THAT(html, Not(HasSubstr("nan")));
  EXPECT_THAT(html, HasSubstr("training <b>0.3</b>"));
}

TEST(ChartHtml, IsEmptyWithoutValues) {
  Chart chart{.title = "Loss"};
  EXPECT_EQ(chart_html(chart, "clip"), "");
  chart.series.push_back({"training", "train", {{1, NAN}}});
  EXPECT_EQ(chart_html(chart, "clip"), "");
}

TEST(ChartHtml, DrawsValuesOfManyMagnitudesOnALogScale) {
  Chart chart{.title = "Loss", .may_be_log = true};
  chart.series.push_back({"training", "train", {{1, 100}, {2, 1}, {3, 0.01}}});
  EXPECT_THAT(chart_html(chart, "clip"), HasSubstr(">0.1</text>"));
  chart.series[0].points[1].y = 0;  // has no logarithm
  EXPECT_THAT(chart_html(chart, "clip"), Not(HasSubstr(">0.1</text>")));
}

}  // namespace
}  // namespace trireme
