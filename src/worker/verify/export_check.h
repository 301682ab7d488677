#pragma once
// Does an exported file predict what the checkpoint of the same run predicts?

#include "config/experiment.h"
#include "worker/verify/compare.h"

namespace trireme {

// Reads `model_file` (model.onnx or model.safetensors of an export folder) back and runs it on the
// recorded inputs beside it. Its outputs must agree with what training recorded, and with the
// checkpoint's weights run through the experiment's own graph: |a - b| <= atol + rtol |b|. Throws
// FormatError or DataError when a file cannot be read.
Comparison check_exported_file(const Path& model_file, const Path& checkpoint,
                               const ExportConfig& tolerance);

}  // namespace trireme
