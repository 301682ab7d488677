#pragma once
// From cells to numbers.

#include "data/csv_survey.h"
#include "data/raw_data.h"

namespace trireme {

// Categories: sorted texts of training rows. Fill of a numeric column: their mean, of the logs
// where these are taken (missing = mean), 0 (zero), or NaN (error: a missing value is refused).
// Ids as [data] says; a vocabulary is the sorted texts of at least data.ids_min_count training
// rows.
FeatureMap derive_features(const CsvSurvey& survey, const CsvLayout& layout,
                           const DataConfig& config);

// What to read where the features are known; the label, the weight and the header are the caller's.
CsvLayout layout_of(const FeatureMap& features);

// Class names of the training rows, sorted; empty when all are integers from 0, which then are the
// classes.
std::vector<std::string> derive_class_names(const CsvSurvey& survey);

// The class of each label text. Throws DataError with file:line for one that is no class.
// `classes`: 0: any number.
using ClassTable = std::unordered_map<std::string, int64_t, TextHash, std::equal_to<>>;
ClassTable encode_labels(const CsvSurvey& survey, const std::vector<std::string>& class_names,
                         int64_t classes);

// The id of a value in the column of that name: the lower 63 bits of
// XXH64(value, seed = XXH64(name)), modulo `buckets` when that is above 0.
int64_t hashed_id(std::string_view value, uint64_t column_hash, int64_t buckets);

// Rows as features. Thread-safe.
class CsvEncoder {
 public:
  explicit CsvEncoder(const FeatureMap& features);  // which outlives it
  int64_t width() const { return width_; }          // of a row, one-hot columns counted out
  int64_t ids() const;                              // of a row
  // Writes width() values. A category that the training rows lack is all zeros; `unknown`, by
  // feature, counts how often that happened.
  void input(const CsvRow& row, float* out, std::vector<int64_t>& unknown) const;
  // Writes ids() values, -1 behind a cell's last. Values that do not fit are left out.
  void ids(const CsvRow& row, int64_t* out) const;

 private:
  using Positions = std::unordered_map<std::string_view, int64_t>;
  int64_t id_of(std::string_view value, size_t column) const;

  const FeatureMap& features_;
  int64_t width_ = 0;
  std::vector<int64_t> offsets_;       // by feature
  std::vector<Positions> categories_;  // by feature
  std::vector<Positions> vocabularies_;
  std::vector<uint64_t> name_hashes_;  // by id column
};

}  // namespace trireme
