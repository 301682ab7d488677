#pragma once
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace trireme {

enum class DType : uint8_t { f32, f64, i32, i64, u8, bf16, f16 };

constexpr size_t size_of(DType t) {
  switch (t) {
    case DType::f64:
    case DType::i64:
      return 8;
    case DType::f32:
    case DType::i32:
      return 4;
    case DType::bf16:
    case DType::f16:
      return 2;
    case DType::u8:
      return 1;
  }
  return 0;
}
std::string_view name_of(DType t);  // "float32", "int64", ...

}  // namespace trireme
