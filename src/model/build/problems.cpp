#include "model/build/problems.h"

#include <fmt/format.h>

#include "base/error.h"
#include "base/text.h"

namespace trireme {

std::string place(const std::string& file, int line) {
  if (file.empty()) return "the model";
  return line > 0 ? fmt::format("{}:{}", file, line) : file;
}

std::string did_you_mean(std::string_view word, std::span<const std::string> known) {
  if (const auto near = nearest(word, known)) return fmt::format("did you mean {}?", *near);
  return known.empty() ? "there are none" : "known: " + join(known, ", ");
}

void Problems::add(const std::string& where, const std::string& what, const std::string& hint) {
  lines_.push_back(where + ": " + what + (hint.empty() ? "" : " (" + hint + ")"));
}

void Problems::add(const LayerLine& line, const std::string& what, const std::string& hint) {
  const std::string name = line.name.empty() ? line.op : line.name;
  add(place(line.file, line.line), name + ": " + what, hint);
}

void Problems::throw_if_any() const {
  if (!lines_.empty()) throw ConfigError(join(lines_, "\n"));
}

}  // namespace trireme
