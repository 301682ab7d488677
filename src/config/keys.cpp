#include "config/keys.h"

#include <algorithm>
#include <map>
#include <set>

#include "base/text.h"

namespace trireme::config {

namespace {

class KeyCheck {
 public:
  KeyCheck(std::span<const Field> fields, ErrorList& errors) : errors_(errors) {
    for (const Field& field : fields) {
      auto& keys = keys_[field.section];
      if (std::find(keys.begin(), keys.end(), field.key) == keys.end()) keys.push_back(field.key);
      if (field.repeats) repeating_.insert(field.name());
    }
  }

  bool accepts(const Token& token) {
    const auto section = keys_.find(token.section);
    if (section == keys_.end()) return reject_section(token);
    if (token.key.empty()) return false;  // a section line: nothing to store
    const auto& keys = section->second;
    const bool known =
        is_layer_key(token) || std::find(keys.begin(), keys.end(), token.key) != keys.end();
    if (!known) return reject(token, "unknown key" + suggestion(token));
    const auto [first, fresh] = seen_.emplace(token.name(), token.place);
    if (fresh || repeating_.contains(token.name())) return true;
    return reject(token, "duplicate key (first at " + first->second.str() + ")");
  }

 private:
  bool reject(const Token& token, const std::string& what) {
    errors_.add(token.place, token.name() + ": " + what);
    return false;
  }

  // Once a section, at its line in a file: its keys say nothing more.
  bool reject_section(const Token& token) {
    if (!unknown_sections_.insert(token.section).second) return false;
    const auto near = nearest(token.section, kSections);
    const std::string hint =
        near ? "did you mean [" + *near + "]?" : "sections: " + join(kSections, ", ");
    const std::string key = token.key.empty() ? "" : token.name() + ": ";
    errors_.add(token.place, key + "unknown section [" + token.section + "] (" + hint + ")");
    return false;
  }

  // A key of that very name elsewhere, else the nearest of its section, else the nearest elsewhere.
  std::string suggestion(const Token& token) const {
    for (const std::string& section : kSections) {
      const auto& keys = keys_.at(section);
      if (std::find(keys.begin(), keys.end(), token.key) != keys.end()) {
        return " (it belongs to [" + section + "]: " + section + "." + token.key + ")";
      }
    }
    if (const auto near = nearest(token.key, keys_.at(token.section))) {
      return " (did you mean " + token.section + "." + *near + "?)";
    }
    for (const std::string& section : kSections) {
      const auto near = nearest(token.key, keys_.at(section));
      if (near) return " (did you mean " + section + "." + *near + "?)";
    }
    return "";
  }

  ErrorList& errors_;
  std::map<std::string, std::vector<std::string>> keys_;
  std::set<std::string> repeating_, unknown_sections_;
  std::map<std::string, Place> seen_;
};

}  // namespace

bool is_layer_key(const Token& token) {
  return token.section == "model" && token.key.find('.') != std::string::npos &&
         token.key.front() != '.' && token.key.back() != '.';
}

std::vector<Token> known_tokens(const std::vector<Token>& tokens, std::span<const Field> fields,
                                ErrorList& errors) {
  KeyCheck check(fields, errors);
  std::vector<Token> known;
  for (const Token& token : tokens) {
    if (check.accepts(token)) known.push_back(token);
  }
  return known;
}

}  // namespace trireme::config
