#pragma once
// Typed access to the attributes that make an op. Every read names the attribute, so that what is
// left over is known to be a mistake.

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/op.h"

namespace trireme {

using Pair = std::array<int64_t, 2>;  // rows (height), columns (width)

// Reads throw ConfigError: a required attribute (no fallback) that is missing, a value of another
// type, or one below `min`. Integers pass for numbers.
class AttributeReader {
 public:
  AttributeReader(std::string_view kind, const Attributes& attributes)
      : kind_(kind), attributes_(attributes) {}
  std::string_view kind() const { return kind_; }

  int64_t integer(std::string_view name, std::optional<int64_t> fallback, int64_t min);
  bool flag(std::string_view name, bool fallback);  // 0 or 1
  double number(std::string_view name, std::optional<double> fallback);
  std::string text(std::string_view name, std::optional<std::string> fallback);
  // One of `choices`.
  std::string choice(std::string_view name, std::optional<std::string> fallback,
                     std::initializer_list<std::string_view> choices);
  // 3, {3}, {3,5}, "3" or "3x5"; one value stands for both.
  Pair pair(std::string_view name, std::optional<Pair> fallback, int64_t min);
  bool is_text(std::string_view name, std::string_view value);
  std::vector<int64_t> integers(std::string_view name);  // required
  std::vector<double> numbers(std::string_view name);    // empty when absent
  void finish() const;  // throws ConfigError when an attribute was never asked for

 private:
  const Attribute* find(std::string_view name);
  [[noreturn]] void missing(std::string_view name) const;
  [[noreturn]] void wrong(std::string_view name, const Attribute& value,
                          std::string_view expected) const;

  std::string_view kind_;
  const Attributes& attributes_;
  std::vector<std::string> asked_;
};

std::string to_text(const Attribute& value);
Attribute to_attribute(const Pair& pair);
std::string to_text(const Pair& pair);  // "3x5"; "3" when both are equal

}  // namespace trireme
