#include "config/ini.h"

#include <gtest/gtest.h>

#include "config/layer_line.h"
#include "config/quote.h"
#include "config/support.h"

namespace trireme::config {
namespace {

// The values of `text`, which is one section's body, without section lines.
std::vector<std::string> values_of(const std::string& text) {
  ErrorList errors;
  std::vector<std::string> values;
  for (const Token& token : tokenize("[s]\n" + text, "f.ini", errors)) {
    if (!token.key.empty()) values.push_back(token.key + "|" + token.value);
  }
  errors.throw_if_any();
  return values;
}
using Values = std::vector<std::string>;

TEST(Ini, CommentsStartALineOrFollowABlank) {
  EXPECT_EQ(values_of("# x = 1\n  # y\na = 1 # one\nb = #\nc = x#y\nd = \"a # b\" # c\n"),
            (Values{"a|1", "b|", "c|x#y", "d|\"a # b\""}));
}

TEST(Ini, ABackslashContinuesTheLine) {
  EXPECT_EQ(values_of("a = 1,\\\n  2, \\  \n  3 # end\nb = 4\n"), (Values{"a|1,  2,   3", "b|4"}));
}

TEST(Ini, ACommentIsNotContinued) { EXPECT_EQ(values_of("# a \\\nb = 1\n"), (Values{"b|1"})); }

TEST(Ini, TakesWindowsLineEndsAndAByteOrderMark) {
  ErrorList errors;
  const auto tokens = tokenize("\xef\xbb\xbf[s]\r\na = 1\r\n", "f.ini", errors);
  ASSERT_TRUE(errors.empty());
  ASSERT_EQ(tokens.size(), 2u);
  EXPECT_EQ(tokens[1].value, "1");
}

TEST(Ini, KnowsLineAndColumn) {
  ErrorList errors;
  const auto tokens = tokenize("\n[ s ] # here\n\n   a = x = y\n", "f.ini", errors);
  ASSERT_EQ(tokens.size(), 2u);
  EXPECT_EQ(tokens[1].section, "s");
  EXPECT_EQ(tokens[1].place.str(), "f.ini:4");
  EXPECT_EQ(tokens[1].column, 4);
  EXPECT_EQ(tokens[1].value, "x = y");
}

TEST(Ini, QuotesOpenOnlyWhereAWordMayBegin) {
  EXPECT_EQ(values_of("a = 5\" wide\nb = John's\n"), (Values{"a|5\" wide", "b|John's"}));
}

TEST(Quote, ReadsBackWhateverWasQuoted) {
  for (const char* text :
       {"plain", " blanks ", "a # b", "#", "\"", "a\\", "x\ny", "5\"", "a \"b\""}) {
    EXPECT_EQ(unquote(quote_if_needed(text)), text);
    EXPECT_EQ(unquote(quote_if_needed(text, ",")), text);
  }
  EXPECT_EQ(quote_if_needed("a,b"), "a,b");
  EXPECT_EQ(quote_if_needed("a,b", ","), "\"a,b\"");
}

TEST(Quote, SplitsOutsideQuotesOnly) {
  EXPECT_EQ(split_outside_quotes("a, \"b,c\" ,,d", ","), (Values{"a", "\"b,c\"", "", "d"}));
}

std::string line_errors(const std::string& text, bool with_target = false) {
  ErrorList errors;
  parse_layer_line({"model", "layer", text, {"f.ini", 3}, 1}, with_target, errors);
  try {
    errors.throw_if_any();
  } catch (const ConfigError& error) {
    return error.what();
  }
  return "no error";
}

TEST(LayerLine, NamesEachWordThatBreaksTheGrammar) {
  EXPECT_EQ(line_errors(""),
            "f.ini:3: model.layer: \"\" has no OP (expected [NAME:] OP {KEY=VALUE})");
  EXPECT_EQ(line_errors("c1:"),
            "f.ini:3: model.layer: \"c1:\" has no OP (expected [NAME:] OP {KEY=VALUE})");
  EXPECT_EQ(line_errors("c/1: relu"),
            "f.ini:3: model.layer: \"c/1\" is not a name (letters, digits, _ . -)");
  EXPECT_EQ(line_errors("dense units = 3"),
            "f.ini:3: model.layer: \"units\" is not KEY=VALUE\n"
            "f.ini:3: model.layer: \"=\" is not KEY=VALUE\n"
            "f.ini:3: model.layer: \"3\" is not KEY=VALUE");
  EXPECT_EQ(line_errors("dense units="), "f.ini:3: model.layer: \"units=\" has no value");
  EXPECT_EQ(line_errors("dense units=1 units=2"), "f.ini:3: model.layer: units is given twice");
  EXPECT_EQ(line_errors("add from=a,,b"),
            "f.ini:3: model.layer: from=a,,b: \"\" is not a layer's name");
}

TEST(LayerLine, ANameMayTouchItsOp) {
  ErrorList errors;
  const Token token{"model", "loss", "l:mse target=y weight=2", {"f.ini", 3}, 1};
  const LayerLine line = parse_layer_line(token, true, errors);
  EXPECT_TRUE(errors.empty());
  EXPECT_EQ(line.name, "l");
  EXPECT_EQ(line.op, "mse");
  EXPECT_EQ(line.target, "y");
  EXPECT_EQ(format_layer_line(line), "l: mse target=y weight=2");
}

}  // namespace
}  // namespace trireme::config
