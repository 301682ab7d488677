#pragma once
// The grammar of [model]'s input, layer, loss and metric lines:
//   [NAME:] OP [from=A[,B.PORT]] {KEY=VALUE}
// Losses and metrics also take target=FIELD.

#include <string>

#include "config/error_list.h"
#include "config/experiment.h"
#include "config/ini.h"

namespace trireme::config {

// Adds an error for each word that breaks the grammar. `with_target`: a loss or a metric.
LayerLine parse_layer_line(const Token& token, bool with_target, ErrorList& errors);

// The line that reads back to `line`.
std::string format_layer_line(const LayerLine& line);

}  // namespace trireme::config
