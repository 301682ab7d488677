#pragma once
// Predictions as files and lines.

#include <string>

#include "base/file.h"
#include "export/interpret.h"

namespace trireme {

// One line per sample: "0: seven 99.81 %, one 0.12 %" (`top` classes), scores, or values.
std::string prediction_lines(const Interpreted& predictions, int64_t top);

// By extension. .csv: sample, class, and a column per class (or value). .npy: the table, float32.
// .json: a list with sample, class and the columns. ConfigError for another extension.
void write_predictions(const Interpreted& predictions, const Path& file);

}  // namespace trireme
