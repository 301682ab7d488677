#pragma once
// Typed reading of an op's attributes, and their JSON for metadata.

#include <array>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "model/op.h"

namespace trireme {

// The attribute `key` of an op of kind `kind`; FormatError when it is absent or of another type.
int64_t integer_attribute(std::string_view kind, const Attributes& attributes,
                          std::string_view key);
double number_attribute(std::string_view kind, const Attributes& attributes, std::string_view key);
std::string text_attribute(std::string_view kind, const Attributes& attributes,
                           std::string_view key);
// Height and width: a list of two.
std::array<int64_t, 2> pair_attribute(std::string_view kind, const Attributes& attributes,
                                      std::string_view key);

// {"units": 10, "bias": 1}, in the op's own order.
nlohmann::ordered_json attributes_to_json(const Attributes& attributes);

}  // namespace trireme
