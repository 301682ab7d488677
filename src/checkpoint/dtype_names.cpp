#include "checkpoint/dtype_names.h"

#include <array>
#include <utility>

namespace trireme {
namespace {
constexpr std::array<std::pair<DType, std::string_view>, 7> kNames = {{{DType::f32, "F32"},
                                                                       {DType::f64, "F64"},
                                                                       {DType::i32, "I32"},
                                                                       {DType::i64, "I64"},
                                                                       {DType::u8, "U8"},
                                                                       {DType::bf16, "BF16"},
                                                                       {DType::f16, "F16"}}};
}  // namespace

std::string_view safetensors_name(DType type) {
  for (const auto& [t, name] : kNames) {
    if (t == type) return name;
  }
  return "?";
}

std::optional<DType> from_safetensors_name(std::string_view name) {
  for (const auto& [t, known] : kNames) {
    if (name == known) return t;
  }
  return std::nullopt;
}

}  // namespace trireme
