#include "worker/report/tables.h"

#include <fmt/format.h>

#include "worker/report/html.h"
#include "worker/run_log/numbers.h"

namespace trireme {

namespace {

bool of_one_class(const MetricValue& m) { return m.name.find('/') != std::string::npos; }

}  // namespace

std::string notes_html(const History& history) {
  if (history.notes.empty()) return {};
  std::string html = "<section><h2>Events</h2><div class=\"card\"><ol class=\"notes\">\n";
  for (const TimedNote& note : history.notes)
    html += fmt::format("<li><span title=\"{}\">step {} &middot; {}</span><div>{}</div></li>\n",
                        escape_html(note.time), with_commas(note.step),
                        short_duration(note.elapsed), escape_html(note.text));
  return html + "</ol></div></section>\n";
}

std::string evaluations_html(const History& history) {
  if (history.evaluations.empty()) return {};
  std::string html =
      "<section><h2>Details</h2><details><summary>All evaluations</summary><div class=\"scroll\">"
      "<table class=\"log\"><tr><th>step</th><th>epoch</th><th>time</th>";
  for (const MetricValue& m : history.evaluations.back().values) {
    if (!of_one_class(m)) html += "<th>" + escape_html(m.name) + "</th>";
  }
  html += "</tr>\n";
  for (const EvaluationRecord& e : history.evaluations) {
    html += fmt::format("<tr><td>{}</td><td>{:.4g}</td><td>{}</td>", with_commas(e.step), e.epoch,
                        short_duration(e.elapsed));
    for (const MetricValue& m : e.values) {
      if (!of_one_class(m)) html += "<td>" + metric_text(m.name, m.value) + "</td>";
    }
    html += "</tr>\n";
  }
  return html + "</table></div></details></section>\n";
}

std::string config_html(const Experiment& experiment) {
  std::string html =
      "<details><summary>Experiment</summary><div class=\"scroll\"><table class=\"config\">\n";
  std::string section;
  for (const ResolvedKey& key : experiment.resolved) {
    if (key.section != section)
      html += fmt::format("<tr><th colspan=\"3\">[{}]</th></tr>\n", escape_html(key.section));
    section = key.section;
    html += fmt::format("<tr{}><td>{}</td><td>{}</td><td>{}</td></tr>\n",
                        key.origin == "default" ? " class=\"default\"" : "", escape_html(key.key),
                        escape_html(key.value), escape_html(key.origin));
  }
  return html + "</table></div></details>\n";
}

}  // namespace trireme
