#include "worker/report/curves.h"

#include <algorithm>
#include <cmath>
#include <functional>

#include "worker/report/chart.h"

namespace trireme {

namespace {

Points of_steps(const History& history, const std::function<double(const StepPoint&)>& value) {
  Points points;
  for (const StepPoint& p : history.steps)
    points.push_back({static_cast<double>(p.record.step), value(p)});
  return points;
}

Points of_evaluations(const History& history, const std::string& name) {
  Points points;
  for (const EvaluationRecord& e : history.evaluations) {
    for (const MetricValue& m : e.values) {
      if (m.name == name) points.push_back({static_cast<double>(e.step), m.value});
    }
  }
  return points;
}

// The values as they were, faint, and their course.
void add_noisy(Chart& chart, const std::string& label, const std::string& style,
               const Points& points) {
  const double span = std::max(1.0, static_cast<double>(points.size()) / 40);
  chart.series.push_back({"", style, points, /*faint=*/true});
  chart.series.push_back({label, style, smoothed(points, span)});
}

Chart with_validation(const History& history, Chart chart, const std::string& name,
                      const Points& training) {
  add_noisy(chart, "training", "train", training);
  chart.series.push_back(
      {"validation", "validation", of_evaluations(history, name), false, /*markers=*/true});
  return chart;
}

}  // namespace

std::string curves_html(const History& history) {
  Chart loss{.title = "Loss", .may_be_log = true};
  Chart accuracy{.title = "Accuracy", .format = AxisFormat::percent};
  loss = with_validation(history, loss, "loss",
                         of_steps(history, [](const StepPoint& p) { return p.record.loss; }));
  accuracy =
      with_validation(history, accuracy, "accuracy", of_steps(history, [](const StepPoint& p) {
                        return p.record.accuracy < 0 ? NAN : p.record.accuracy;
                      }));
  Chart rate{.title = "Learning rate", .from_zero = true};
  rate.series.push_back(
      {"", "other", of_steps(history, [](const StepPoint& p) { return p.record.learning_rate; })});
  Chart throughput{.title = "Throughput",
                   .unit = "samples per second",
                   .format = AxisFormat::count,
                   .from_zero = true};
  add_noisy(throughput, "", "speed",
            of_steps(history, [](const StepPoint& p) { return p.samples_per_second; }));
  Chart staleness{.title = "Staleness", .unit = "steps behind rank 0", .from_zero = true};
  if (!history.steps.empty() && history.steps.back().staleness >= 0)
    add_noisy(staleness, "", "other", of_steps(history, [](const StepPoint& p) {
                return p.staleness < 0 ? NAN : p.staleness;
              }));
  const std::string charts = chart_html(loss, "clip-loss") + chart_html(accuracy, "clip-accuracy") +
                             chart_html(rate, "clip-rate") + chart_html(throughput, "clip-speed") +
                             chart_html(staleness, "clip-staleness");
  return charts.empty()
             ? ""
             : "<section><h2>Curves</h2><div class=\"pair\">\n" + charts + "</div></section>\n";
}

}  // namespace trireme
