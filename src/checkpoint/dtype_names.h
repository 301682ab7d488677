#pragma once
// The format's spelling of element types.

#include <optional>
#include <string_view>

#include "tensor/dtype.h"

namespace trireme {

std::string_view safetensors_name(DType type);  // "F32"
std::optional<DType> from_safetensors_name(std::string_view name);

}  // namespace trireme
