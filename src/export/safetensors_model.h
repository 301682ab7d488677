#pragma once
// model.safetensors with PyTorch's names and layouts. The file holds no graph: that is rebuilt from
// the experiment beside it.

#include "export/export.h"

namespace trireme {

// Every parameter and running statistic of the graph.
void write_safetensors_model(const TrainedModel& model, const Path& file);

// `config`: the resolved experiment. FormatError naming file and tensor when a weight is missing,
// has another shape, or belongs to no layer.
LoadedModel read_safetensors_model(const Path& file, const std::string& config,
                                   const Preprocessing& preprocessing);

}  // namespace trireme
