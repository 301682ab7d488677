#include "worker/report/classes.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "worker/report/html.h"
#include "worker/run_log/numbers.h"

namespace trireme {

namespace {

constexpr size_t kMaxHeatClasses = 30, kMaxRows = 30;

std::string class_name(const EvaluationRecord& record, size_t k) {
  return k < record.classes.size() && !record.classes[k].empty() ? record.classes[k]
                                                                 : std::to_string(k);
}

double ratio(int64_t part, int64_t whole) {
  return whole > 0 ? static_cast<double>(part) / static_cast<double>(whole) : NAN;
}

// Right answers and errors have a hue each; the square root makes rare errors visible.
std::string cell(int64_t count, int64_t row_total, bool right) {
  if (count == 0) return "<td class=\"zero\">&middot;</td>";
  const double share = ratio(count, row_total);
  const double alpha = right ? 0.15 + 0.75 * share : 0.10 + 0.80 * std::sqrt(share);
  return fmt::format(
      "<td class=\"{}{}\" style=\"--a:{:.2f}\" title=\"{:.2f}% of the class\">{}</td>",
      right ? "right" : "wrong", alpha > 0.6 ? " strong" : "", alpha, 100 * share,
      with_commas(count));
}

std::string heat_table(const EvaluationRecord& record) {
  const size_t n = record.confusion.size();
  bool tall = false;
  for (size_t k = 0; k < n; ++k) tall = tall || class_name(record, k).size() > 4;
  std::string html = fmt::format(
      "<div class=\"scroll\"><table class=\"heat{}\"><tr><th class=\"corner\">actual \\ "
      "predicted</th>",
      tall ? " tall" : "");
  for (size_t k = 0; k < n; ++k)
    html += fmt::format("<th><span>{}</span></th>", escape_html(class_name(record, k)));
  html += "</tr>\n";
  for (size_t actual = 0; actual < n; ++actual) {
    const std::vector<int64_t>& row = record.confusion[actual];
    int64_t total = 0;
    for (const int64_t count : row) total += count;
    html += fmt::format("<tr><th>{}</th>", escape_html(class_name(record, actual)));
    for (size_t predicted = 0; predicted < row.size(); ++predicted)
      html += cell(row[predicted], total, actual == predicted);
    html += "</tr>\n";
  }
  return html + "</table></div>";
}

std::string percent_cell(double value) {
  if (std::isnan(value)) return "<td>-</td>";
  return fmt::format("<td class=\"meter\" style=\"--p:{:.1f}%\">{:.1f}%</td>", 100 * value,
                     100 * value);
}

std::string score_table(std::vector<ClassScore> scores) {
  std::string note;
  if (scores.size() > kMaxRows) {
    note = fmt::format("<p class=\"quiet\">The {} of {} classes with the lowest F1.</p>", kMaxRows,
                       scores.size());
    const auto key = [](const ClassScore& s) { return std::isnan(s.f1) ? -1 : s.f1; };
    std::stable_sort(scores.begin(), scores.end(),
                     [&](const auto& a, const auto& b) { return key(a) < key(b); });
    scores.resize(kMaxRows);
  }
  std::string html =
      note +
      "<div class=\"scroll\"><table class=\"scores\"><tr><th>class</th><th>samples</th>"
      "<th>precision</th><th>recall</th><th>F1</th></tr>\n";
  for (const ClassScore& s : scores)
    html += fmt::format("<tr><th>{}</th><td>{}</td>{}{}{}</tr>\n", escape_html(s.name),
                        with_commas(s.support), percent_cell(s.precision), percent_cell(s.recall),
                        percent_cell(s.f1));
  return html + "</table></div>";
}

}  // namespace

std::vector<ClassScore> class_scores(const EvaluationRecord& record) {
  const size_t n = record.confusion.size();
  std::vector<ClassScore> scores;
  for (size_t k = 0; k < n; ++k) {
    int64_t predicted = 0, actual = 0;
    for (size_t other = 0; other < n; ++other) {
      actual += record.confusion[k][other];
      predicted += record.confusion[other][k];
    }
    const int64_t right = record.confusion[k][k];
    // F1 = 2 TP / (actual + predicted), the harmonic mean of precision and recall.
    scores.push_back({class_name(record, k), actual, ratio(right, predicted), ratio(right, actual),
                      ratio(2 * right, actual + predicted)});
  }
  return scores;
}

std::string classes_html(const EvaluationRecord& record) {
  if (record.confusion.empty()) return {};
  std::string html = fmt::format(
      "<section><h2>Classes <small>validation, step {}</small></h2><div class=\"pair\">",
      with_commas(record.step));
  if (record.confusion.size() <= kMaxHeatClasses)
    html += "<div class=\"card\"><h3>Confusion matrix</h3>" + heat_table(record) + "</div>";
  return html + "<div class=\"card\"><h3>Precision and recall</h3>" +
         score_table(class_scores(record)) + "</div></div></section>\n";
}

}  // namespace trireme
