#include "export/onnx/check.h"

#include <onnx/checker.h>
#include <onnx/shape_inference/implementation.h>

#include <exception>

#include "base/error.h"

namespace trireme {

void check_onnx(onnx::ModelProto& model, const std::string& what) {
  try {
    onnx::checker::check_model(model);
    const onnx::ShapeInferenceOptions strict(/*check_type=*/true, /*strict_mode=*/1);
    onnx::shape_inference::InferShapes(model, onnx::OpSchemaRegistry::Instance(), strict);
  } catch (const std::exception& e) {  // ValidationError and InferenceError share only this base
    throw FormatError(what + ": not a valid ONNX model: " + e.what());
  }
}

}  // namespace trireme
