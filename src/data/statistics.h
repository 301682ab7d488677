#pragma once
// Mean and standard deviation of raw data, for normalize = standard.

#include "data/raw_data.h"

namespace trireme {

// By channel (images) or column (tables), over the samples that `split` leaves in training; the
// standard deviation is the population's, and 1 for a constant channel or a one-hot column (whose
// mean is 0). 8-bit data: exact integer sums. Others: two fp64 passes in the order of the samples.
Normalization training_statistics(const RawData& raw, const Split& split);

// For each column of the encoded table: is it one of a one-hot group?
std::vector<bool> one_hot_columns(const FeatureMap& features);

}  // namespace trireme
