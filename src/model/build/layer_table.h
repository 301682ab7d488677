#pragma once
// What may stand in a layer or loss line: every op with its options, as data. Checking, conversion
// to op attributes and help all read this table.

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace trireme {

enum class OptionType : uint8_t {
  integer,
  number,
  boolean,
  choice,       // one of `choices`
  extent,       // 3 or 3x5: height x width
  padding,      // extent, or same
  shape,        // 16x7x7
  numbers,      // 0.5,1,2
  initializer,  // zeros, constant:0.1, kaiming_normal ...
  slot,         // NAME.weight: a parameter of another layer
  text,         // a name
};

struct OptionRule {
  std::string key;
  OptionType type;
  std::string default_value;  // "": not set
  std::string help;
  bool required = false;
  double min = 0, max = 0;  // integers, numbers and extents; equal: no range
  std::vector<std::string> choices = {};
};

struct LayerRule {
  std::string op;    // as a line spells it
  std::string kind;  // of the graph's op
  std::string help;
  bool loss = false;
  int min_inputs = 1, max_inputs = 1;
  std::vector<OptionRule> options = {};
};

std::span<const LayerRule> layer_table();
const LayerRule* find_layer_rule(std::string_view op, bool loss);  // nullptr: none
std::vector<std::string> layer_ops(bool losses);                   // line spellings

}  // namespace trireme
