// What is said about a wrong value of each declared key: tests/config/messages.txt holds the full
// message of every type, range, choice and use that the declarations promise.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "base/file.h"
#include "base/text.h"
#include "config/reader.h"
#include "config/support.h"

namespace trireme::config {
namespace {

using Texts = std::vector<std::string>;

std::string selector_of(const Field& field) {
  return field.section + "." + field.used_by->selector;
}

// Values that the field's type or limits refuse.
Texts wrong_values(const Field& field) {
  if (!field.choices.empty()) return {"zzz"};
  Texts values;
  switch (field.type) {
    case FieldType::integer:
    case FieldType::integers:
      values = {"1.5"};
      break;
    case FieldType::number:
    case FieldType::numbers:
      values = {"many"};
      break;
    case FieldType::boolean:
      return {"maybe"};
    case FieldType::line:  // ini_test.cpp, LayerLine
      return {};
    default:
      return {"\"a\" b"};
  }
  constexpr double kUnlimited = 1e15;  // limits from here on say "at least"
  if (!field.limits) return values;
  const double min = field.limits->min;
  values.push_back(number_text(min - std::max(1.0, std::abs(min))));
  if (field.limits->max < kUnlimited)
    values.push_back(fmt::format("{:.0f}", std::floor(field.limits->max) + 1));
  return values;
}

// The lines that `overrides` add to the errors that there are with `given` alone.
std::string added_errors(Texts given, const std::string& override) {
  const Texts before = split(errors_of(kSmall, given), '\n');
  given.push_back(override);
  Texts added;
  for (const std::string& line : split(errors_of(kSmall, given), '\n'))
    if (std::find(before.begin(), before.end(), line) == before.end()) added.push_back(line);
  return join(added, "\n");
}

class Messages {
 public:
  explicit Messages(const std::vector<Field>& fields) : fields_(fields) {}

  std::string all() {
    for (const Field& field : fields_) {
      wrong(field);
      unused(field);
    }
    return join(lines_, "\n") + "\n";
  }

 private:
  void wrong(const Field& field) {
    Texts given;
    if (field.used_by) given = {selector_of(field) + "=" + field.used_by->values.front()};
    for (const std::string& value : wrong_values(field)) add(given, field.name() + "=" + value);
  }

  // The first choice of the selector that does not use the key.
  void unused(const Field& field) {
    if (!field.used_by) return;
    const auto selector = std::find_if(fields_.begin(), fields_.end(), [&](const Field& f) {
      return f.name() == selector_of(field);
    });
    ASSERT_NE(selector, fields_.end()) << field.name();
    for (const std::string& choice : selector->choices) {
      if (choice.empty()) continue;
      const std::string message =
          added_errors({selector->name() + "=" + choice}, field.name() + "=1");
      if (message.find("only used by") == std::string::npos) continue;
      add({selector->name() + "=" + choice}, field.name() + "=1");
      return;
    }
    ADD_FAILURE() << field.name() << " is never refused";
  }

  void add(const Texts& given, const std::string& override) {
    const std::string message = added_errors(given, override);
    EXPECT_FALSE(message.empty()) << "--" << override << " is accepted";
    if (seen_.insert(message).second) lines_.push_back(message);
  }

  const std::vector<Field>& fields_;
  Texts lines_;
  std::set<std::string> seen_;  // presets share keys
};

TEST(Declarations, EveryTypeRangeChoiceAndUseHasItsFullMessage) {
  const Path recorded = Path(TRIREME_SOURCE_DIR) / "tests" / "config" / "messages.txt";
  const std::vector<Field> fields = declared_fields();
  const std::string actual = Messages(fields).all();
  const Path now = Path(testing::TempDir()) / "trireme_messages.txt";
  write_atomic(now, actual);
  EXPECT_TRUE(read_text(recorded) == actual)
      << "compare " << recorded << " with " << now << ", which is what is said now";
}

}  // namespace
}  // namespace trireme::config
