#pragma once
// What one declaration says about a key.

#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace trireme::config {

enum class FieldType {
  integer,
  number,
  boolean,
  text,
  path,
  texts,
  paths,
  numbers,
  integers,
  line
};
std::string type_name(FieldType type);  // "integer", "list of paths", ...

struct Limits {  // inclusive
  double min, max;
};

// The key is used only when `selector`, a key of the same section, has one of these values.
struct UsedBy {
  std::string selector;
  std::vector<std::string> values;
};

// A default that depends on the selector: `value`, but others[i].second when it is others[i].first.
template <class T>
struct Default {
  T value;
  std::vector<std::pair<std::string, T>> others = {};
  Default(T v) : value(std::move(v)) {}
  Default(T v, std::vector<std::pair<std::string, T>> o)
      : value(std::move(v)), others(std::move(o)) {}
};

struct Field {
  std::string section, key;
  FieldType type = FieldType::text;
  std::string default_text;
  std::vector<std::pair<std::string, std::string>> other_defaults;  // selector's value -> default
  std::optional<Limits> limits;
  std::string unit;
  std::vector<std::string> choices;
  std::string help;
  std::optional<UsedBy> used_by;
  bool required = false;
  bool repeats = false;
  std::string name() const { return section + "." + key; }
};

// "1 to 16777216 samples", "at least 0"; empty without limits.
std::string describe(const Limits& limits, const std::string& unit);
// Shortest text that reads back to the same number: "10", "0.001", "1e-8".
std::string number_text(double value);

}  // namespace trireme::config
