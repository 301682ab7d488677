#pragma once
// README.md of an export: what it is and how to use it.

#include <string>
#include <vector>

#include "export/export.h"

namespace trireme {

std::string model_card(const TrainedModel& model, const Goldens& goldens,
                       const std::vector<std::string>& formats,
                       const std::vector<ParityReport>& reports, double atol, double rtol);

}  // namespace trireme
