#pragma once
// The options of one line, checked against the table and converted.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/build/layer_table.h"
#include "model/build/problems.h"
#include "model/op.h"

namespace trireme {

// Every option of `rule` that is set or has a default, in the rule's order: integer, boolean (0,
// 1): int64; number: double; extent, shape: list of int64; numbers: list of double; padding: list
// of int64 or "same"; the others: text. Adds a problem for every unknown, repeated, missing or
// malformed option.
Attributes read_options(const LayerLine& line, const LayerRule& rule, Problems& problems);

// "16x7x7" as numbers; nullopt when a part is not an integer >= 1, or -1 where the rest may be left
// open.
std::optional<std::vector<int64_t>> parse_extents(std::string_view text, bool open = false);

// Removes `key` and returns its value; `fallback` when it is not set.
std::string take_text(Attributes& options, std::string_view key, std::string fallback);
double take_number(Attributes& options, std::string_view key, double fallback);
int64_t take_integer(Attributes& options, std::string_view key, int64_t fallback);

}  // namespace trireme
