#include "tensor/buffer.h"

#include <cstring>
#include <string>

#include "base/error.h"
#include "base/memory.h"

namespace trireme {
namespace {

void require(DType have, DType want) {
  if (have == want) return;
  throw ShapeError("the tensor holds " + std::string(name_of(have)) + ", " +
                       std::string(name_of(want)) + " was asked for",
                   "convert it first");
}

template <class T>
HostTensor copy_of(const Shape& shape, DType dtype, std::span<const T> values) {
  HostTensor t = HostTensor::zeros(shape, dtype);
  if (t.bytes.size() != values.size_bytes()) {
    throw ShapeError("a tensor of shape " + shape.str() + " needs " +
                     std::to_string(shape.elements()) + " values, " +
                     std::to_string(values.size()) + " were given");
  }
  if (!values.empty()) std::memcpy(t.bytes.data(), values.data(), values.size_bytes());
  return t;
}

}  // namespace

AlignedBuffer::AlignedBuffer(size_t bytes) : size_(bytes) {
  if (bytes == 0) return;
  data_.reset(static_cast<std::byte*>(zeroed_memory(bytes, kAlignment)));
  if (!data_) {
    throw DeviceError("could not allocate " + std::to_string(bytes) + " bytes of host memory",
                      "lower train.batch_size or run fewer ranks on this machine");
  }
}

HostTensor HostTensor::zeros(const Shape& shape, DType dtype) {
  const size_t bytes = static_cast<size_t>(shape.elements()) * size_of(dtype);
  return {shape, dtype, std::vector<std::byte>(bytes)};
}

HostTensor HostTensor::from(const Shape& shape, std::span<const float> values) {
  return copy_of(shape, DType::f32, values);
}

HostTensor HostTensor::from(const Shape& shape, std::span<const int64_t> values) {
  return copy_of(shape, DType::i64, values);
}

std::span<float> HostTensor::floats() {
  require(dtype, DType::f32);
  return {reinterpret_cast<float*>(bytes.data()), bytes.size() / sizeof(float)};
}

std::span<const float> HostTensor::floats() const {
  require(dtype, DType::f32);
  return {reinterpret_cast<const float*>(bytes.data()), bytes.size() / sizeof(float)};
}

std::span<const int64_t> HostTensor::ints() const {
  require(dtype, DType::i64);
  return {reinterpret_cast<const int64_t*>(bytes.data()), bytes.size() / sizeof(int64_t)};
}

}  // namespace trireme
