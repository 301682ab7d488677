#include "config/layer_line.h"

#include <algorithm>
#include <cctype>

#include "base/text.h"
#include "config/quote.h"

namespace trireme::config {

namespace {

bool is_name(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](unsigned char c) {
    return std::isalnum(c) || c == '_' || c == '.' || c == '-';
  });
}

class LineParser {
 public:
  LineParser(const Token& token, bool with_target, ErrorList& errors)
      : token_(token), with_target_(with_target), errors_(errors) {
    line_.file = token.place.file;
    line_.line = token.place.line;
  }

  LayerLine run() {
    auto words = split_outside_quotes(token_.value, " \t");
    std::erase(words, "");
    size_t next = read_head(words);
    for (; next < words.size(); ++next) read_option(words[next]);
    return std::move(line_);
  }

 private:
  void fail(const std::string& what) { errors_.add(token_.place, token_.name() + ": " + what); }

  // [NAME:] OP; returns the number of words it took.
  size_t read_head(const std::vector<std::string>& words) {
    size_t taken = 0;
    std::string first = words.empty() ? "" : words[taken++];
    const size_t colon = first.find(':');
    if (colon != std::string::npos && first.find('=') > colon) {
      line_.name = first.substr(0, colon);
      if (!is_name(line_.name)) {
        fail("\"" + line_.name + "\" is not a name (letters, digits, _ . -)");
      }
      first.erase(0, colon + 1);
      if (first.empty() && taken < words.size()) first = words[taken++];
    }
    line_.op = first;
    if (!is_name(line_.op)) {
      fail("\"" + token_.value + "\" has no OP (expected [NAME:] OP {KEY=VALUE})");
    }
    return taken;
  }

  void read_option(const std::string& word) {
    const size_t equals = word.find('=');
    const std::string key = word.substr(0, equals);
    if (equals == std::string::npos || !is_name(key)) {
      fail("\"" + word + "\" is not KEY=VALUE");
      return;
    }
    const auto value = unquote(std::string_view(word).substr(equals + 1));
    if (!value || value->empty()) {
      fail("\"" + word + "\" has no value");
    } else if (std::find(seen_.begin(), seen_.end(), key) != seen_.end()) {
      fail(key + " is given twice");
    } else if (key == "from") {
      read_from(*value);
    } else if (key == "target" && with_target_) {
      line_.target = *value;
    } else {
      line_.options.emplace_back(key, *value);
    }
    seen_.push_back(key);
  }

  void read_from(const std::string& value) {
    for (const std::string& name : split(value, ',')) {
      if (!is_name(name)) fail("from=" + value + ": \"" + name + "\" is not a layer's name");
      line_.from.push_back(name);
    }
  }

  const Token& token_;
  bool with_target_;
  ErrorList& errors_;
  LayerLine line_;
  std::vector<std::string> seen_;
};

}  // namespace

LayerLine parse_layer_line(const Token& token, bool with_target, ErrorList& errors) {
  return LineParser(token, with_target, errors).run();
}

std::string format_layer_line(const LayerLine& line) {
  std::string text = line.name.empty() ? line.op : line.name + ": " + line.op;
  const auto add = [&](const std::string& key, const std::string& value) {
    text += " " + key + "=" + quote_if_needed(value, " \t");
  };
  if (!line.from.empty()) add("from", join(line.from, ","));
  if (!line.target.empty()) add("target", line.target);
  for (const auto& [key, value] : line.options) add(key, value);
  return text;
}

}  // namespace trireme::config
