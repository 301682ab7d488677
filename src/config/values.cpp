#include "config/values.h"

#include <set>

namespace trireme::config {

namespace po = boost::program_options;
using Texts = std::vector<std::string>;

Values::Values(std::span<const Field> fields) {
  std::set<std::string> declared;  // presets share names
  for (const Field& field : fields) {
    if (!declared.insert(field.name()).second) continue;
    description_.add_options()(field.name().c_str(), po::value<Texts>());
  }
}

void Values::store(const std::vector<Token>& tokens) {
  po::parsed_options parsed(&description_);
  for (const Token& token : tokens) {
    parsed.options.emplace_back(token.name(), Texts{token.value});
    tokens_.push_back(token);
  }
  po::store(parsed, map_);
}

std::vector<Token> Values::tokens(const std::string& name) const {
  std::vector<Token> found;
  for (const Token& token : tokens_) {
    if (token.name() == name) found.push_back(token);
  }
  return found;
}

// The source that was stored first is the one in the map, and its tokens come first.
size_t Values::winner_count(const std::string& name) const {
  return map_.count(name) ? map_[name].as<Texts>().size() : 0;
}

std::vector<Token> Values::winners(const std::string& name) const {
  auto found = tokens(name);
  found.resize(winner_count(name));
  return found;
}

std::vector<Token> Values::losers(const std::string& name) const {
  const auto found = tokens(name);
  return {found.begin() + static_cast<std::ptrdiff_t>(winner_count(name)), found.end()};
}

}  // namespace trireme::config
