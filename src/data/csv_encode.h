#pragma once
// From parsed columns to numbers.

#include "data/csv_table.h"
#include "data/raw_data.h"

namespace trireme {

// Categories: sorted texts of the samples that `split` leaves in training. Fill of a numeric
// column: their mean (missing = mean), 0 (zero), or NaN (error: a missing value is refused).
FeatureMap derive_features(const CsvTable& table, const CsvLayout& layout,
                           const std::string& missing, const Split& split);

// N x F values, F = features.columns with categories one-hot. A category that the training split
// lacks is all zeros; how often that happened is logged.
std::vector<float> encode_features(const CsvTable& table, const FeatureMap& features);

// Class names of the training split, sorted; empty when all are integers from 0, which then are the
// classes.
std::vector<std::string> derive_class_names(const CsvTable& table, const Split& split);

// Labels as classes. Throws DataError with file:line for a text that is no class. `classes`: 0: any
// number.
std::vector<int64_t> encode_labels(const CsvTable& table,
                                   const std::vector<std::string>& class_names, int64_t classes);

}  // namespace trireme
