#include <fmt/format.h>

#include <cstring>

#include "base/error.h"
#include "export/onnx/import.h"

namespace trireme {
namespace {

Shape shape_of(const onnx::TensorProto& tensor) {
  const std::vector<int64_t> dims(tensor.dims().begin(), tensor.dims().end());
  try {
    return Shape(dims);
  } catch (const ShapeError& e) {
    throw FormatError(fmt::format("ONNX initializer {}: {}", tensor.name(), e.what()));
  }
}

template <class T, class Field>
void copy_field(const Field& field, HostTensor& to) {
  const std::vector<T> values(field.begin(), field.end());
  to.bytes.resize(values.size() * sizeof(T));
  if (!values.empty()) std::memcpy(to.bytes.data(), values.data(), to.bytes.size());
}

}  // namespace

HostTensor read_tensor(const onnx::TensorProto& tensor) {
  if (tensor.data_location() == onnx::TensorProto::EXTERNAL)
    throw FormatError(
        fmt::format("ONNX initializer {}: data in another file is not supported", tensor.name()));
  HostTensor result;
  result.shape = shape_of(tensor);
  const bool real = tensor.data_type() == onnx::TensorProto::FLOAT;
  if (!real && tensor.data_type() != onnx::TensorProto::INT64)
    throw FormatError(fmt::format("ONNX initializer {}: data type {} is not supported",
                                  tensor.name(), tensor.data_type()),
                      "float32 and int64 are");
  result.dtype = real ? DType::f32 : DType::i64;
  if (tensor.has_raw_data()) {
    const auto* begin = reinterpret_cast<const std::byte*>(tensor.raw_data().data());
    result.bytes.assign(begin, begin + tensor.raw_data().size());
  } else if (real) {
    copy_field<float>(tensor.float_data(), result);
  } else {
    copy_field<int64_t>(tensor.int64_data(), result);
  }
  const size_t expected = static_cast<size_t>(result.shape.elements()) * size_of(result.dtype);
  if (result.bytes.size() != expected)
    throw FormatError(fmt::format("ONNX initializer {}: {} bytes, its shape {} needs {}",
                                  tensor.name(), result.bytes.size(), result.shape.str(),
                                  expected));
  return result;
}

}  // namespace trireme
