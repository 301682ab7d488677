#pragma once
// What Elements hold, without the conversions that kernels use: floats rounded to a format, and
// buffers of them.

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <vector>

#include "kernels/kernel_table.h"

namespace trireme::test {

// Of binary floating-point numbers: bits behind the point, the exponent of the smallest normal
// number, and that of the first power of two that there is no longer.
struct Format {
  int fraction, lowest, end;
};
constexpr Format kTf32{10, -126, 128};
constexpr Format format_of(ElementType type) {
  return type == ElementType::f16    ? Format{10, -14, 16}
         : type == ElementType::bf16 ? Format{7, -126, 128}
                                     : Format{23, -126, 128};
}

// To the nearest number of the format, of two equally near ones to the even one.
inline float rounded(const Format& f, float v) {
  if (!std::isfinite(v) || v == 0) return v;
  const double step = std::ldexp(1.0, std::max(std::ilogb(v), f.lowest) - f.fraction);
  const double r = std::nearbyint(static_cast<double>(v) / step) * step;
  return std::abs(r) < std::ldexp(1.0, f.end) ? static_cast<float>(r) : std::copysign(INFINITY, v);
}

// The 16 bits of a number of a 2-byte format, and back.
inline uint16_t bits_of(ElementType type, float v) {
  if (type == ElementType::bf16) return static_cast<uint16_t>(std::bit_cast<uint32_t>(v) >> 16);
  const int sign = std::signbit(v) ? 0x8000 : 0;
  const float a = std::abs(v);
  if (std::isnan(v)) return 0x7e00;
  if (std::isinf(v)) return static_cast<uint16_t>(sign | 0x7c00);
  if (a < 0x1p-14f) return static_cast<uint16_t>(sign | static_cast<int>(a * 0x1p24f));
  const int exponent = std::ilogb(a);
  const int fraction = static_cast<int>(std::ldexp(a, 10 - exponent)) - 1024;
  return static_cast<uint16_t>(sign | (exponent + 15) << 10 | fraction);
}
inline float value_of(ElementType type, uint16_t bits) {
  if (type == ElementType::bf16) return std::bit_cast<float>(uint32_t{bits} << 16);
  const int exponent = bits >> 10 & 31, fraction = bits & 1023;
  const float a = exponent == 31  ? (fraction == 0 ? INFINITY : std::nanf(""))
                  : exponent == 0 ? std::ldexp(static_cast<float>(fraction), -24)
                                  : std::ldexp(static_cast<float>(1024 + fraction), exponent - 25);
  return bits >> 15 != 0 ? -a : a;
}

// Elements that a kernel reads and writes; floats to a test. Values given are rounded.
class Elements {
 public:
  Elements(ElementType type, const std::vector<float>& values) : type_(type), size_(values.size()) {
    if (type == ElementType::f32)
      floats_ = values;
    else
      for (float v : values) halves_.push_back(bits_of(type, rounded(format_of(type), v)));
  }
  operator Element*() const { return at(0); }  // null: none
  Element* at(size_t i) const {
    const void* p = type_ == ElementType::f32 ? static_cast<const void*>(floats_.data() + i)
                                              : static_cast<const void*>(halves_.data() + i);
    return size_ > 0 ? static_cast<Element*>(const_cast<void*>(p)) : nullptr;
  }
  size_t size() const { return size_; }
  float operator[](size_t i) const {
    return type_ == ElementType::f32 ? floats_[i] : value_of(type_, halves_[i]);
  }
  std::vector<float> values() const {
    std::vector<float> all(size_);
    for (size_t i = 0; i < size_; ++i) all[i] = (*this)[i];
    return all;
  }

 private:
  ElementType type_;
  size_t size_;
  std::vector<float> floats_;
  std::vector<uint16_t> halves_;
};

}  // namespace trireme::test
