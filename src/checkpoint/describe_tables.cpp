#include "checkpoint/describe_tables.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/text.h"
#include "checkpoint/element.h"

namespace trireme {
namespace {

constexpr size_t kHottest = 8;

std::string number(double value) { return fmt::format("{:.6g}", value); }
std::string number(int64_t value) { return fmt::to_string(value); }

// "min 1  median 3  p99 40  max 2024": the smallest value that this share of all does not exceed.
template <class Value>
std::string spread(std::vector<Value>& values) {
  const auto quantile = [&](double share) {
    const double place = std::ceil(share * static_cast<double>(values.size())) - 1;
    const auto at = values.begin() + static_cast<std::ptrdiff_t>(std::max(0.0, place));
    std::nth_element(values.begin(), at, values.end());
    return number(*at);
  };
  return fmt::format("min {}  median {}  p99 {}  max {}", quantile(0), quantile(0.5),
                     quantile(0.99), quantile(1));
}

double norm(const StoredColumn& column, int64_t row) {
  const auto bytes = column.row(row);
  const size_t size = size_of(column.dtype);
  double squares = 0;
  for (size_t at = 0; at < bytes.size(); at += size) {
    const double value = element_value(column.dtype, &bytes[at]);
    squares += value * value;
  }
  return std::sqrt(squares);
}

const StoredColumn* integers(const StoredTable& table, std::string_view suffix) {
  const StoredColumn* column = table.find(suffix);
  return column && column->dtype == DType::i64 && column->width == 1 ? column : nullptr;
}

std::string describe_norms(const StoredTable& table, const StoredColumn& rows) {
  std::vector<double> norms;
  norms.reserve(static_cast<size_t>(table.rows));
  int64_t broken = 0;
  for (int64_t i = 0; i < table.rows; ++i) {
    const double length = norm(rows, i);
    if (std::isfinite(length))
      norms.push_back(length);
    else
      ++broken;
  }
  std::string text = norms.empty() ? "" : fmt::format("  norm of a row      {}\n", spread(norms));
  if (broken > 0) text += fmt::format("  NOT FINITE         {} rows\n", broken);
  return text;
}

std::string describe_updates(const StoredTable& table, const StoredColumn& updates) {
  std::vector<int64_t> counts;
  int64_t once = 0;
  for (int64_t i = 0; i < table.rows; ++i) {
    counts.push_back(updates.integer(i));
    once += counts.back() == 1;
  }
  // By count, then by key.
  std::vector<std::pair<int64_t, int64_t>> hottest;  // {-count, row}
  for (int64_t i = 0; i < table.rows; ++i) {
    const std::pair entry{-counts[static_cast<size_t>(i)], i};
    if (hottest.size() == kHottest && hottest.back() <= entry) continue;
    hottest.insert(std::ranges::upper_bound(hottest, entry), entry);
    if (hottest.size() > kHottest) hottest.pop_back();
  }
  std::string text =
      fmt::format("  updates of a row   {}; {:.1f} % of rows have one\n", spread(counts),
                  100 * static_cast<double>(once) / static_cast<double>(table.rows));
  text += "  most updated keys ";
  for (const auto& [count, row] : hottest)
    text += fmt::format(" {} ({})", table.keys.integer(row), -count);
  return text + "\n";
}

std::string describe_life(const StoredColumn& life) {
  return fmt::format(
      "  rows so far        {} admitted, {} expired, {} evicted; {} of {} sightings forgotten\n",
      life.integer(0), life.integer(1), life.integer(2), life.integer(4), life.integer(3));
}

std::string describe_age(const StoredTable& table, const StoredColumn& last_step, int64_t now) {
  std::vector<int64_t> ages;
  for (int64_t i = 0; i < table.rows; ++i) ages.push_back(now - last_step.integer(i));
  return fmt::format("  steps untouched    {}\n", spread(ages));
}

}  // namespace

std::string describe_table(const StoredTable& table, int64_t now) {
  const StoredColumn* rows = table.find(".rows");
  const std::string bytes = human_bytes(static_cast<double>(table.bytes()));
  std::string text =
      rows ? fmt::format("table {}: {} rows of {} values, {} with keys and optimizer state\n",
                         table.name, table.rows, rows->width, bytes)
           : fmt::format("table {}: {} keys without rows, {}\n", table.name, table.rows, bytes);
  if (!table.life.parts.empty()) text += describe_life(table.life);
  if (table.rows == 0) return text;
  if (rows) text += describe_norms(table, *rows);
  if (const StoredColumn* updates = integers(table, ".updates"))
    text += describe_updates(table, *updates);
  if (const StoredColumn* last_step = integers(table, ".last_step"))
    text += describe_age(table, *last_step, now);
  return text;
}

}  // namespace trireme
