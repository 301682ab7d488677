#pragma once
// The samples that a finished model is measured on.

#include <memory>

#include "data/source.h"

namespace trireme {

// The experiment's validation data under the preprocessing that the model was trained with; null
// when it has none. Training data is not opened where validation data are files of their own, so a
// model can be measured where it was not trained. Throws DataError as open_data does.
std::unique_ptr<DataSource> open_evaluation_data(const Experiment& experiment,
                                                 const Preprocessing& fixed);

}  // namespace trireme
