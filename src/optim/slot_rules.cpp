#include "optim/slot_rules.h"

#include <algorithm>
#include <vector>

#include "base/error.h"
#include "base/text.h"

namespace trireme {

void check_patterns(std::span<const std::string> patterns, std::span<const std::string> names,
                    std::string_view key) {
  std::vector<std::string> problems, guesses;
  for (const std::string& pattern : patterns) {
    const auto matches = [&](const std::string& name) { return glob_match(pattern, name); };
    if (std::any_of(names.begin(), names.end(), matches)) continue;
    problems.push_back("'" + pattern + "'");
    if (const auto near = nearest(pattern, names)) guesses.push_back("'" + *near + "'");
  }
  if (problems.empty()) return;
  const std::string hint =
      guesses.empty() ? "`trireme config` prints the model's parameter names; * matches any run"
                      : "did you mean " + join(guesses, ", ") + "?";
  throw ConfigError(std::string(key) + ": no parameter matches " + join(problems, ", "), hint);
}

}  // namespace trireme
