#include "data/csv_survey.h"

#include <fmt/format.h>

#include <cmath>

namespace trireme {
namespace {

class Surveyor {
 public:
  Surveyor(const CsvLayout& layout, const IdCells& ids, const Split& split)
      : layout_(layout), ids_(ids), split_(split) {
    survey.sums.resize(layout.features.size());
    survey.numbers.resize(layout.features.size());
    survey.categories.resize(layout.features.size());
    survey.ids.resize(layout.ids.size());
    survey.cut.resize(layout.ids.size());
  }

  void add(const CsvRow& row) {
    const bool training = !split_.validation(static_cast<uint64_t>(survey.rows));
    for (size_t f = 0; f < layout_.features.size(); ++f) add_feature(row, f, training);
    for (size_t f = 0; f < layout_.ids.size(); ++f) add_ids(row, f, training);
    if (!layout_.label.empty()) add_label(row, training);
    (void)row.weight();
    ++survey.rows;
  }

  // Before add().
  void index(const CsvRow& row, size_t file, int64_t block_rows) {
    const CsvReader& at = row.reader();
    auto& blocks = survey.blocks;
    if (blocks.empty() || blocks.back().file != file || blocks.back().rows == block_rows)
      blocks.push_back({file, at.record(), 0, survey.rows, 0});
    blocks.back().end = at.place().offset;
    ++blocks.back().rows;
  }

  CsvSurvey survey;

 private:
  static void count(TextCounts& counts, std::string_view text, const CsvRow& row) {
    if (const auto found = counts.find(text); found != counts.end()) {
      ++found->second;
      return;
    }
    require_utf8(text, row.reader());
    counts.emplace(text, 1);
  }

  void add_feature(const CsvRow& row, size_t f, bool training) {
    if (layout_.features[f].categorical) {
      if (training) count(survey.categories[f], row.text(f), row);
      return;
    }
    const float value = row.number(f);
    if (!training || std::isnan(value)) return;
    survey.sums[f] += double{value};
    ++survey.numbers[f];
  }

  void add_ids(const CsvRow& row, size_t f, bool training) {
    bool cut = false;
    for_each_value(row.id(f), ids_.separator, [&](std::string_view value, int64_t position) {
      cut = cut || position >= ids_.values;
      if (ids_.count && training && position < ids_.values) count(survey.ids[f], value, row);
    });
    survey.cut[f] += cut;
  }

  void add_label(const CsvRow& row, bool training) {
    if (layout_.real_target) {
      (void)row.target();
      return;
    }
    const std::string_view text = row.label();
    auto found = survey.labels.find(text);
    if (found == survey.labels.end()) {
      require_utf8(text, row.reader());
      const CsvReader& at = row.reader();
      found = survey.labels
                  .emplace(text, CsvSurvey::Label{0, fmt::format("{}:{}", at.file(), at.line())})
                  .first;
    }
    found->second.training += training;
  }

  const CsvLayout& layout_;
  const IdCells& ids_;
  const Split& split_;
};

}  // namespace

CsvSurvey survey_csv(std::span<const CsvFile> files, const CsvLayout& layout, const IdCells& ids,
                     const Split& split, int64_t block_rows) {
  Surveyor surveyor(layout, ids, split);
  for (size_t f = 0; f < files.size(); ++f)
    for_each_row(files[f], layout, [&](const CsvRow& row) {
      surveyor.index(row, f, block_rows);
      surveyor.add(row);
    });
  return std::move(surveyor.survey);
}

}  // namespace trireme
