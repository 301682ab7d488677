#include "config/quote.h"

#include "base/text.h"

namespace trireme::config {

void QuoteState::advance(char c) {
  if (inside_) {
    if (escaped_) {
      escaped_ = false;
    } else if (c == '\\') {
      escaped_ = true;
    } else if (c == '"') {
      inside_ = false;
    }
  } else if (c == '"') {
    constexpr std::string_view kOpeners = " \t,=";
    inside_ = kOpeners.find(previous_) != std::string_view::npos;
  }
  previous_ = c;
}

std::vector<std::string> split_outside_quotes(std::string_view text, std::string_view separators) {
  std::vector<std::string> parts;
  QuoteState quotes;
  std::string part;
  for (const char c : text) {
    const bool separates = !quotes.inside() && separators.find(c) != std::string_view::npos;
    quotes.advance(c);
    if (separates) {
      parts.emplace_back(trim(part));
      part.clear();
    } else {
      part += c;
    }
  }
  parts.emplace_back(trim(part));
  return parts;
}

std::optional<std::string> unquote(std::string_view text) {
  if (text.empty() || text.front() != '"') return std::string(text);
  std::string plain;
  for (size_t i = 1; i < text.size(); ++i) {
    if (text[i] == '"') {
      if (i + 1 != text.size()) return std::nullopt;
      return plain;
    }
    if (text[i] == '\\' && i + 1 < text.size()) {
      ++i;
      plain += text[i] == 'n' ? '\n' : text[i] == 't' ? '\t' : text[i];
    } else {
      plain += text[i];
    }
  }
  return std::nullopt;
}

namespace {

bool reads_back(std::string_view text, std::string_view separators) {
  if (text.empty()) return separators.empty();
  if (trim(text) != text || text.back() == '\\') return false;
  char previous = ' ';
  for (const char c : text) {
    const bool blank_before = previous == ' ' || previous == '\t';
    if (c == '\n' || c == '\r' || (c == '#' && blank_before)) return false;
    if (c == '"' && (blank_before || previous == ',' || previous == '=')) return false;
    if (separators.find(c) != std::string_view::npos) return false;
    previous = c;
  }
  return true;
}

}  // namespace

std::string quote_if_needed(std::string_view text, std::string_view separators) {
  if (reads_back(text, separators)) return std::string(text);
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '\n') {
      quoted += "\\n";
    } else if (c == '\t') {
      quoted += "\\t";
    } else {
      if (c == '"' || c == '\\') quoted += '\\';
      quoted += c;
    }
  }
  return quoted + '"';
}

}  // namespace trireme::config
