#pragma once
// One function per section of the experiment file: the declarations of its keys, and the rules that
// tie its keys together.

#include "config/experiment.h"
#include "config/section.h"

namespace trireme::config {

RunConfig read_run(Section& s, const std::string& default_name);
DataConfig read_data(Section& s);
// `layer_keys`: the keys NAME.key that were given, which change one layer. errors: of the layer
// lines.
ModelConfig read_model(Section& s, const std::vector<std::string>& layer_keys, ErrorList& errors);
TrainConfig read_train(Section& s);
OptimizerConfig read_optimizer(Section& s);
ScheduleConfig read_schedule(Section& s);
ExchangeConfig read_exchange(Section& s);
TablesConfig read_tables(Section& s);
CudaConfig read_cuda(Section& s);
CheckpointConfig read_checkpoint(Section& s);
ExportConfig read_export(Section& s);
DebugConfig read_debug(Section& s);

}  // namespace trireme::config
