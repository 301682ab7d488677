#pragma once
// Does an exported model predict what training predicted?

#include <string>

#include "export/export.h"

namespace trireme {

// Compares element by element: |got - expected| <= atol + rtol |expected|. NaN never agrees. `what`
// opens the report's sentence ("model.onnx"). Throws FormatError when the shapes differ.
ParityReport compare_outputs(const std::string& what, const HostTensor& got,
                             const HostTensor& expected, double atol, double rtol);

}  // namespace trireme
