#pragma once
// Words for a field, shared by the schema's formats.

#include <string>

#include "config/field.h"

namespace trireme::config {

std::string default_words(const Field& field);  // "0.01 (adam, adamw: 0.001)", "required", "empty"
std::string range_words(const Field& field);  // "1 to 16777216 samples", "cpu | cuda | auto", or ""
std::string used_by_words(const Field& field);  // "reader = csv, npy", or ""

}  // namespace trireme::config
