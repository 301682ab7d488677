#pragma once
// libonnx's own opinion of a model.

#include <onnx/onnx_pb.h>

#include <string>

namespace trireme {

// Runs the ONNX checker, then strict shape inference, which adds the shapes of all intermediate
// values to `model`. Throws FormatError "WHAT: ..." with libonnx's sentence.
void check_onnx(onnx::ModelProto& model, const std::string& what);

}  // namespace trireme
