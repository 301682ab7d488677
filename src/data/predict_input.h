#pragma once
// A file to predict from, as model input.

#include "base/file.h"
#include "data/source.h"

namespace trireme {

// What a model reads: the input in logical order, N,C,H,W or N,F, fp32, normalised; ids, N,
// features,values, int64. Rank 0 where the training data had none.
struct PredictionInput {
  HostTensor input, ids;
};

// The samples of `file`. By extension:
//   .npy              N,C,H,W or N,F (or one sample without N); raw values, as the training data
//   had them .csv .tsv (.gz)   the training columns by name; others, such as the label, are
//   ignored. Without the columns'
//                     names in the first line: all of them in order, if training had no header
//                     either or the data does not come from CSV
//   .png .jpg .jpeg   one image of the training size
// Throws DataError when the file does not fit the preprocessing.
PredictionInput read_prediction_input(const Path& file, const Preprocessing& preprocessing);

}  // namespace trireme
