#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/file.h"
#include "base/text.h"
#include "config/experiment.h"

namespace trireme {
namespace {

using nlohmann::json;

json key_of(const std::string& section, const std::string& key) {
  const json schema = json::parse(schema_json());
  for (const json& entry : schema["keys"]) {
    if (entry["section"] == section && entry["key"] == key) return entry;
  }
  return {};
}

TEST(Schema, TheCommittedPageIsTheGeneratedOne) {
  EXPECT_TRUE(read_text(Path(TRIREME_SOURCE_DIR) / "docs" / "experiment-file.md") ==
              schema_markdown())
      << "write it again: trireme config --schema --markdown > docs/experiment-file.md";
}

TEST(Schema, TheTextFitsATerminal) {
  for (const std::string& line : split(schema_text(), '\n')) EXPECT_LE(line.size(), 100u) << line;
}

TEST(Schema, TheTextTellsAllOfAKey) {
  EXPECT_THAT(schema_text(), testing::HasSubstr("  batch_size\n"
                                                "      global batch of one step, over all ranks\n"
                                                "      (integer, 64; 1 to 16777216 samples)\n"));
  EXPECT_THAT(schema_text(),
              testing::HasSubstr("(number, 0.01 (adam, adamw: 0.001; ftrl: 0.1); 0 to 1000000)"));
}

TEST(Schema, JsonHasTypeDefaultRangeUnitAndHelp) {
  EXPECT_EQ(
      key_of("train", "batch_size"),
      json::parse(R"({"section": "train", "key": "batch_size", "type": "integer", "default": "64",
                            "required": false, "repeats": false, "range": {"min": 1.0, "max": 16777216.0},
                            "unit": "samples", "help": "global batch of one step, over all ranks"})"));
}

TEST(Schema, JsonHasChoicesAndWhatAKeyBelongsTo) {
  EXPECT_EQ(key_of("optimizer", "nesterov")["used_by"],
            json::parse(R"({"key": "name", "values": ["sgd"]})"));
  EXPECT_EQ(key_of("optimizer", "lr")["default_for"]["adam"], "0.001");
  EXPECT_TRUE(key_of("data", "reader")["required"]);
  EXPECT_TRUE(key_of("model", "layer")["repeats"]);
  EXPECT_EQ(key_of("model", "pool")["used_by"]["values"], json::parse(R"(["lenet5"])"));
}

}  // namespace
}  // namespace trireme
