#pragma once
// Collects what is wrong with a model, so that one error lists everything.

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "config/experiment.h"

namespace trireme {

// "file.ini:12"; "preset lenet5" for lines without number; "the model" for lines made in code.
std::string place(const std::string& file, int line);

// "did you mean X?" for the nearest of `known`, else "known: A, B, C".
std::string did_you_mean(std::string_view word, std::span<const std::string> known);

class Problems {
 public:
  // One line of the error: "WHERE: WHAT (HINT)".
  void add(const std::string& where, const std::string& what, const std::string& hint = {});
  void add(const LayerLine& line, const std::string& what, const std::string& hint = {});
  bool empty() const { return lines_.empty(); }
  void throw_if_any() const;  // ConfigError

 private:
  std::vector<std::string> lines_;
};

}  // namespace trireme
