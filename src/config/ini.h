#pragma once
// The experiment file's syntax: [section], key = value, comments, quotes, continued lines. Boost's
// own parser has no line numbers, stops at the first error and cuts values at '#'.

#include <string>
#include <string_view>
#include <vector>

#include "config/error_list.h"

namespace trireme::config {

struct Token {
  std::string section, key;  // key empty: the line [section] itself
  std::string
      value;  // trimmed, without comment; quotes are kept (quote.h), the field's type removes them
  Place place;
  int column = 0;  // of the key, from 1; 0 on the command line
  std::string name() const { return section + "." + key; }
};

// The tokens of `text`, in order. '#' starts a comment at the start of a line or after a blank,
// outside quotes; a trailing '\' continues the line. Adds an error for each malformed line,
// unterminated quote and key outside a section, and goes on behind it.
std::vector<Token> tokenize(std::string_view text, const std::string& file, ErrorList& errors);

// "section.key=value" words of the command line, without dashes. The first dot ends the section:
// model.block.conv.filters=8 is key block.conv.filters of section model.
std::vector<Token> tokenize_overrides(const std::vector<std::string>& overrides, ErrorList& errors);

}  // namespace trireme::config
