#include "worker/tables/table_metrics.h"

#include <fmt/format.h>

#include "base/text.h"

namespace trireme {

std::vector<MetricValue> table_metrics(const TableExchange& tables) {
  std::vector<MetricValue> values;
  for (int t = 0; t < static_cast<int>(tables.tables().size()); ++t) {
    const ps::LifeCounts counts = tables.counts(t);
    const std::string& name = tables.tables()[static_cast<size_t>(t)].name;
    const auto add = [&](const char* what, int64_t n) {
      values.push_back({fmt::format("table/{}/{}", name, what), static_cast<double>(n)});
    };
    add("rows", counts.rows);
    add("candidates", counts.candidates);
    add("admitted", counts.admitted);
    add("expired", counts.expired);
    add("evicted", counts.evicted);
    add("bytes", counts.bytes);
  }
  return values;
}

std::vector<std::string> tables_in_words(const TableExchange& tables) {
  std::vector<std::string> lines;
  for (int t = 0; t < static_cast<int>(tables.tables().size()); ++t) {
    const ps::LifeCounts counts = tables.counts(t);
    lines.push_back(fmt::format("table {}: {} rows in {}; {}",
                                tables.tables()[static_cast<size_t>(t)].name, counts.rows,
                                human_bytes(static_cast<double>(counts.bytes)), counts.in_words()));
  }
  return lines;
}

}  // namespace trireme
