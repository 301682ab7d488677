#pragma once
// Quotes in values. A double quote opens only where a word may begin (at the start, after a blank,
// ',' or '='), so 5" and John's need none. Inside, \" \\ \n and \t are escapes.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace trireme::config {

// Follows the quotes while a text is read from left to right.
class QuoteState {
 public:
  void advance(char c);
  bool inside() const { return inside_; }

 private:
  bool inside_ = false, escaped_ = false;
  char previous_ = ' ';
};

// Parts between separators that stand outside quotes, trimmed; empty parts are kept. The quotes
// stay.
std::vector<std::string> split_outside_quotes(std::string_view text, std::string_view separators);

// The text without its quotes; as it is when it does not begin with one. nullopt: the closing quote
// is missing, or something follows it.
std::optional<std::string> unquote(std::string_view text);

// `text`, in quotes if reading it back as it is would give something else. `separators`: characters
// that also call for quotes (of a list, of a layer line).
std::string quote_if_needed(std::string_view text, std::string_view separators = {});

}  // namespace trireme::config
