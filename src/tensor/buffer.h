#pragma once
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <span>
#include <vector>

#include "tensor/dtype.h"
#include "tensor/shape.h"

namespace trireme {

constexpr size_t kAlignment = 64;
constexpr size_t align_up(size_t bytes, size_t to = kAlignment) {
  return (bytes + to - 1) / to * to;
}

// Owns zeroed, 64-byte aligned host memory.
class AlignedBuffer {
 public:
  AlignedBuffer() = default;
  explicit AlignedBuffer(size_t bytes);  // throws DeviceError, naming the size
  std::byte* data() const { return data_.get(); }
  float* floats() const { return reinterpret_cast<float*>(data_.get()); }
  size_t size() const { return size_; }

 private:
  struct Free {
    void operator()(std::byte* p) const { std::free(p); }
  };
  std::unique_ptr<std::byte, Free> data_;
  size_t size_ = 0;
};

// A dense host tensor in its logical, row-major layout: what files hold and users see.
struct HostTensor {
  Shape shape;
  DType dtype = DType::f32;
  std::vector<std::byte> bytes;

  static HostTensor zeros(const Shape& shape, DType dtype = DType::f32);
  static HostTensor from(const Shape& shape, std::span<const float> values);
  static HostTensor from(const Shape& shape, std::span<const int64_t> values);
  std::span<float> floats();  // requires f32
  std::span<const float> floats() const;
  std::span<const int64_t> ints() const;  // requires i64
};

}  // namespace trireme
