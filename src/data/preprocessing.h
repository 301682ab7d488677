#pragma once
// Deriving a Preprocessing from the training split, and holding other data against one.

#include "data/raw_data.h"

namespace trireme {

// Schema, classes and normalisation from raw training data. Warns about classes without samples.
// Throws DataError for labels outside of the declared classes, ConfigError for mean or std of a
// wrong length.
Preprocessing derive_preprocessing(const RawData& raw, const DataConfig& config,
                                   const Split& split);

// Throws DataError when `raw` does not fit: shape, kind of target, a label out of range, weights,
// ids.
// `what` names the data in messages ("the validation data").
void check_fits(const RawData& raw, const Preprocessing& preprocessing, const std::string& what);

}  // namespace trireme
