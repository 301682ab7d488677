#pragma once
// Small text helpers that more than one folder needs.

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace trireme {

std::vector<std::string> split(std::string_view text, char separator);  // keeps empty parts
std::string_view trim(std::string_view text);
std::string join(std::span<const std::string> parts, std::string_view separator);

// The whole text must be the number; otherwise nullopt. Never depends on the locale.
std::optional<int64_t> parse_int(std::string_view text);
std::optional<double> parse_double(std::string_view text);

// The candidate nearest to `word` by Damerau-Levenshtein distance; nullopt when none is within
// max(2, size / 3) edits.
std::optional<std::string> nearest(std::string_view word, std::span<const std::string> candidates);

// "conv*.weight" style: * matches any run, ? one character.
bool glob_match(std::string_view pattern, std::string_view text);

std::string human_bytes(double bytes);  // "1.5 MiB"

}  // namespace trireme
