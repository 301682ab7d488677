#include "cli/options.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace trireme {
namespace {

const std::vector<OptionSpec> kSpecs = {
    {"--out", "DIR", "folder"}, {"--all", "", "everything"}, {"--verify.steps", "K", "steps"}};

std::string error_of(const std::vector<std::string>& args) {
  try {
    Options options(args, kSpecs);
  } catch (const ConfigError& e) {
    EXPECT_EQ(e.hint(), "--help lists the options");
    return e.what();
  }
  return "no error";
}

TEST(Options, TakeValuesAfterASpaceOrAnEqualsSign) {
  const Options a({"--out", "x", "file"}, kSpecs), b({"file", "--out=x=y"}, kSpecs);
  EXPECT_EQ(a.value("--out"), "x");
  EXPECT_EQ(b.value("--out"), "x=y");
  EXPECT_EQ(a.positional(), b.positional());
  EXPECT_FALSE(a.has("--all"));
  EXPECT_EQ(a.value("--all"), std::nullopt);
}

TEST(Options, KeepOverridesOfTheExperimentInOrder) {
  const Options options({"--train.lr=1", "f", "--model.a.b=--x"}, kSpecs);
  EXPECT_EQ(options.overrides(), (std::vector<std::string>{"train.lr=1", "model.a.b=--x"}));
}

TEST(Options, PreferTheCommandsOwnDottedOptions) {
  const Options options({"--verify.steps=5", "--run.lanes=2"}, kSpecs);
  EXPECT_EQ(options.value("--verify.steps"), "5");
  EXPECT_EQ(options.overrides(), std::vector<std::string>{"run.lanes=2"});
}

TEST(Options, DoNotTakeAMisspeltDottedOptionForAnOverride) {
  EXPECT_EQ(error_of({"--verify.step=5"}),
            "unknown option --verify.step (did you mean --verify.steps?)");
}

TEST(Options, NameTheNearestOption) {
  EXPECT_EQ(error_of({"--otu", "x"}), "unknown option --otu (did you mean --out?)");
  EXPECT_EQ(error_of({"--entirely-different"}), "unknown option --entirely-different");
}

TEST(Options, RefuseMissingSuperfluousAndRepeatedValues) {
  EXPECT_EQ(error_of({"--out"}), "--out needs a value: --out DIR");
  EXPECT_EQ(error_of({"--all=yes"}), "--all takes no value, but was given yes");
  EXPECT_EQ(error_of({"--out=a", "--out=b"}), "--out is given twice");
}

TEST(Options, TakeEverythingAfterTwoDashesAsWords) {
  const Options options({"--all", "--", "--out", "-h"}, kSpecs);
  EXPECT_EQ(options.positional(), (std::vector<std::string>{"--out", "-h"}));
  EXPECT_FALSE(options.has("--help"));
}

TEST(Options, HelpNamesEachOptionOnce) {
  const std::string text = format_help("trireme x", "Does x.", {{"--help", "", "this text"}});
  EXPECT_EQ(text, "Usage: trireme x\n\nDoes x.\n\nOptions:\n  --help  print this\n");
}

TEST(Options, HelpBreaksLongTextsBetweenWords) {
  const std::string word(40, 'w');
  const std::string text =
      format_help("trireme x", "Does x.", {{"--out", "D", word + " " + word + " " + word}});
  EXPECT_NE(text.find("  --out D  " + word + " " + word + "\n           " + word + "\n  --help"),
            std::string::npos)
      << text;
}

}  // namespace
}  // namespace trireme
