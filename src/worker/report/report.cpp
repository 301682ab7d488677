#include "worker/report/report.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/clock.h"
#include "worker/report/classes.h"
#include "worker/report/curves.h"
#include "worker/report/html.h"
#include "worker/report/style.h"
#include "worker/report/tables.h"
#include "worker/report/time_bar.h"
#include "worker/run_log/numbers.h"

namespace trireme {

namespace {

std::string badge(const std::string& status) {
  const char* style = status == "finished"           ? "good"
                      : status.starts_with("failed") ? "bad"
                      : status == "running"          ? "live"
                                                     : "";
  return fmt::format("<span class=\"badge {}\">{}</span>", style, escape_html(status));
}

std::string plural(int64_t count, const std::string& what) {
  return fmt::format("{} {}{}", with_commas(count), what, count == 1 ? "" : "s");
}

std::string readable_time(std::string utc) {  // 2026-11-22T10:15:30Z
  std::replace(utc.begin(), utc.end(), 'T', ' ');
  if (utc.ends_with('Z')) utc.replace(utc.size() - 1, 1, " UTC");
  return utc;
}

std::string header(const Experiment& e, const History& history, const RunSummary& summary) {
  const int64_t step = history.steps.empty() ? 0 : history.steps.back().record.step;
  std::vector<std::string> facts = {"started " + readable_time(history.started)};
  if (history.starts > 1) facts.push_back("resumed " + plural(history.starts - 1, "time"));
  if (!summary.topology.empty()) facts.push_back(summary.topology);
  const std::string total = summary.steps_total > 0 ? with_commas(step) + " of " : "";
  facts.push_back(total + plural(std::max(step, summary.steps_total), "step"));
  facts.push_back(fmt::format("batch {}", with_commas(e.train.batch_size)));
  facts.push_back(e.optimizer.name + ", " + e.schedule.name + " schedule");
  facts.push_back(e.train.precision);
  facts.push_back(fmt::format("seed {}", e.run.seed));
  std::string html = fmt::format("<header><h1>{} {}</h1><p class=\"facts\">",
                                 escape_html(e.run.name), badge(summary.status));
  for (const std::string& fact : facts) html += "<span>" + escape_html(fact) + "</span>";
  html += "</p>";
  if (!summary.export_path.empty())
    html += fmt::format(
        "<p class=\"facts\"><span>exported to <code>{}</code></span><span>{}</span></p>",
        escape_html(summary.export_path), escape_html(summary.parity));
  return html + "</header>\n";
}

std::string tile(const std::string& label, const std::string& value) {
  return fmt::format("<div class=\"tile\"><span>{}</span><b>{}</b></div>", escape_html(label),
                     escape_html(value));
}

// The whole run's samples by the time that training itself took.
double mean_throughput(const History& history) {
  if (history.steps.empty()) return NAN;
  const StepRecord& last = history.steps.back().record;
  const double seconds = last.elapsed - last.phases.evaluation - last.phases.checkpoint;
  return seconds > 0 ? static_cast<double>(last.samples) / seconds : NAN;
}

std::string tiles(const History& history) {
  constexpr size_t kMaxMetrics = 4;
  std::string html;
  if (!history.evaluations.empty()) {
    std::vector<MetricValue> values = history.evaluations.back().values;
    std::erase_if(values,
                  [](const MetricValue& m) { return m.name.find('/') != std::string::npos; });
    // What people look for first stands first: the loss comes after the metrics.
    std::stable_partition(values.begin(), values.end(),
                          [](const MetricValue& m) { return m.name != "loss"; });
    const size_t shown = std::min(values.size(), kMaxMetrics);
    for (size_t i = 0; i + 1 < shown; ++i)
      html += tile("validation " + values[i].name, metric_text(values[i].name, values[i].value));
    if (shown > 0)
      html += tile("validation " + values.back().name,
                   metric_text(values.back().name, values.back().value));
  }
  if (!history.steps.empty()) {
    const StepRecord& last = history.steps.back().record;
    if (history.evaluations.empty()) html += tile("training loss", metric_text("loss", last.loss));
    html += tile("epochs", fmt::format("{:.4g}", last.epoch));
  }
  html += tile("duration", long_duration(history.elapsed()));
  const double rate = mean_throughput(history);
  if (std::isfinite(rate)) html += tile("samples per second", with_commas(std::llround(rate)));
  return "<div class=\"tiles\">" + html + "</div>\n";
}

}  // namespace

std::string report_html(const Experiment& experiment, const History& history,
                        const RunSummary& summary) {
  std::string html = fmt::format(
      "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
      "<meta name=\"viewport\" "
      "content=\"width=device-width,initial-scale=1\"><title>{}</title><style>{}</style></head>"
      "<body><main>\n",
      escape_html(experiment.run.name), kReportStyle);
  html += header(experiment, history, summary) + tiles(history) + curves_html(history) +
          time_bar_html(history.phases(), history.elapsed());
  if (!history.evaluations.empty()) html += classes_html(history.evaluations.back());
  html += notes_html(history) + evaluations_html(history) + config_html(experiment);
  return html + fmt::format("<footer>Trireme, {}</footer></main></body></html>\n",
                            readable_time(utc_now()));
}

}  // namespace trireme
