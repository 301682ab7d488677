#pragma once
// What the tests of experiment files share.

#include <string>
#include <vector>

#include "base/error.h"
#include "config/experiment.h"

namespace trireme {

// The smallest whole experiment, in six lines.
inline const std::string kSmall =
    "[data]\nreader = csv\ntrain = a.csv\n[model]\npreset = mlp\n[train]\n";

inline Experiment parse(const std::string& text, const std::vector<std::string>& overrides = {}) {
  return parse_experiment(text, "exp.ini", overrides);
}

// The message of the ConfigError; "no error" when there is none.
inline std::string errors_of(const std::string& text,
                             const std::vector<std::string>& overrides = {}) {
  try {
    parse(text, overrides);
  } catch (const ConfigError& error) {
    return error.what();
  }
  return "no error";
}

}  // namespace trireme
