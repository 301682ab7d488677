#include "config/ini.h"

#include <cctype>
#include <optional>

#include "base/text.h"
#include "base/utf8.h"
#include "config/quote.h"

namespace trireme::config {

namespace {

struct LogicalLine {
  std::string text;  // without comment, continuations joined
  int line = 0;
  bool open_quote = false, continues_past_end = false;
};

// Joins continued lines and removes comments.
class LineReader {
 public:
  explicit LineReader(std::string_view text) : rest_(text) {
    constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";
    if (rest_.starts_with(kByteOrderMark)) rest_.remove_prefix(kByteOrderMark.size());
  }

  std::optional<LogicalLine> next() {
    if (done_) return std::nullopt;
    LogicalLine logical;
    logical.line = line_ + 1;
    QuoteState quotes;
    while (append_physical(logical.text, quotes)) {
      if (done_) {
        logical.continues_past_end = true;
        break;
      }
    }
    logical.open_quote = quotes.inside();
    return logical;
  }

 private:
  // Appends one physical line; true: it ends with '\', the next belongs to it.
  bool append_physical(std::string& text, QuoteState& quotes) {
    std::string_view line = take();
    while (!line.empty() && std::isspace(static_cast<unsigned char>(line.back()))) {
      line.remove_suffix(1);
    }
    const bool ends_in_backslash = line.ends_with('\\');
    if (ends_in_backslash) line.remove_suffix(1);
    char previous = ' ';
    for (const char c : line) {
      if (c == '#' && !quotes.inside() && (previous == ' ' || previous == '\t')) return false;
      quotes.advance(c);
      text += c;
      previous = c;
    }
    return ends_in_backslash;
  }

  std::string_view take() {
    ++line_;
    const size_t end = rest_.find('\n');
    const std::string_view line = rest_.substr(0, end);
    if (end == std::string_view::npos) {
      done_ = true;
    } else {
      rest_.remove_prefix(end + 1);
    }
    return line;
  }

  std::string_view rest_;
  int line_ = 0;
  bool done_ = false;
};

bool is_key(std::string_view key) {
  if (key.empty()) return false;
  for (const char c : key) {
    const bool ok = std::isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '.' || c == '-';
    if (!ok) return false;
  }
  return true;
}

class Tokenizer {
 public:
  Tokenizer(const std::string& file, ErrorList& errors) : file_(file), errors_(errors) {}

  std::vector<Token> run(std::string_view text) {
    LineReader lines(text);
    while (const auto line = lines.next()) read(*line);
    return std::move(tokens_);
  }

 private:
  void fail(const LogicalLine& line, std::string what) {
    errors_.add({file_, line.line}, std::move(what));
  }

  void read(const LogicalLine& line) {
    const std::string_view text = trim(line.text);
    if (const size_t bad = not_utf8(text); bad != std::string_view::npos) {
      fail(line, "not UTF-8 (byte " + std::to_string(bad + 1) + "): save the file as UTF-8");
    } else if (text.find('\0') != std::string_view::npos) {
      fail(line, "holds a zero byte: save the file as UTF-8");
    } else if (line.open_quote) {
      fail(line, "a quote is not closed: " + std::string(text));
    } else if (line.continues_past_end) {
      fail(line, "ends with '\\', but no line follows");
    } else if (text.starts_with('[')) {
      read_section(line, text);
    } else if (!text.empty()) {
      read_pair(line, text);
    }
  }

  void read_section(const LogicalLine& line, std::string_view text) {
    const std::string_view name =
        text.ends_with(']') ? trim(text.substr(1, text.size() - 2)) : std::string_view();
    if (!is_key(name)) {
      section_.reset();
      skip_keys_ = true;
      fail(line, "malformed section line: " + std::string(text) + " (expected [name])");
      return;
    }
    section_ = name;
    skip_keys_ = false;
    tokens_.push_back({*section_, "", "", {file_, line.line}, 1});
  }

  void read_pair(const LogicalLine& line, std::string_view text) {
    const size_t equals = text.find('=');
    const std::string_view key = trim(text.substr(0, equals));
    if (equals == std::string_view::npos || !is_key(key)) {
      const bool semicolon = text.starts_with(';');
      fail(line, "malformed line: " + std::string(text) +
                     (semicolon ? " (comments start with #)" : " (expected key = value)"));
      return;
    }
    if (skip_keys_) return;  // the section line above it is already reported
    if (!section_) {
      fail(line,
           std::string(key) + ": key outside any section (start with a line such as [train])");
      return;
    }
    const auto column = static_cast<int>(line.text.find_first_not_of(" \t") + 1);
    tokens_.push_back({*section_,
                       std::string(key),
                       std::string(trim(text.substr(equals + 1))),
                       {file_, line.line},
                       column});
  }

  const std::string& file_;
  ErrorList& errors_;
  std::vector<Token> tokens_;
  std::optional<std::string> section_;
  bool skip_keys_ = false;
};

bool quotes_closed(std::string_view value) {
  QuoteState quotes;
  for (const char c : value) quotes.advance(c);
  return !quotes.inside();
}

}  // namespace

std::vector<Token> tokenize(std::string_view text, const std::string& file, ErrorList& errors) {
  return Tokenizer(file, errors).run(text);
}

std::vector<Token> tokenize_overrides(const std::vector<std::string>& overrides,
                                      ErrorList& errors) {
  std::vector<Token> tokens;
  const Place place{"", 0, true};
  for (const std::string& word : overrides) {
    const size_t equals = word.find('=');
    const std::string_view name = std::string_view(word).substr(0, equals);
    const size_t dot = name.find('.');
    if (equals == std::string::npos) {
      errors.add(place, "--" + word + ": no value (write --" + word + "=VALUE)");
    } else if (dot == std::string_view::npos || dot == 0 || !is_key(name.substr(dot + 1))) {
      errors.add(place, "--" + word + ": not of the form --section.key=value");
    } else if (not_utf8(word) != std::string_view::npos) {
      errors.add(place, std::string(name) + ": the value is not UTF-8");
    } else if (!quotes_closed(word.substr(equals + 1))) {
      errors.add(place, std::string(name) + ": a quote is not closed: " + word.substr(equals + 1));
    } else {
      tokens.push_back({std::string(name.substr(0, dot)), std::string(name.substr(dot + 1)),
                        std::string(trim(word.substr(equals + 1))), place});
    }
  }
  return tokens;
}

}  // namespace trireme::config
