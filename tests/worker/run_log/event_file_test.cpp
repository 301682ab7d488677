#include "worker/run_log/event_file.h"

#include <bit>
#include <cstring>

#include "base/error.h"
#include "checkpoint/fixture.h"
#include "worker/run_log/crc32c.h"
#include "worker/run_log/tensorboard.h"

namespace trireme {
namespace {

template <class Word>
Word little_endian(std::string_view bytes) {
  Word word = 0;
  for (size_t i = 0; i < sizeof(Word); ++i)
    word |= static_cast<Word>(static_cast<uint8_t>(bytes[i])) << (8 * i);
  return word;
}

// One field of a protobuf message: a number, or bytes.
struct Field {
  uint64_t number = 0, value = 0;
  std::string bytes;
};

uint64_t varint(std::string_view& in) {
  uint64_t value = 0;
  for (int shift = 0; !in.empty(); shift += 7) {
    const auto byte = static_cast<uint8_t>(in.front());
    in.remove_prefix(1);
    value |= uint64_t{byte & 0x7fu} << shift;
    if (byte < 0x80) return value;
  }
  ADD_FAILURE() << "a varint ends too early";
  return value;
}

std::vector<Field> fields_of(std::string_view in) {
  std::vector<Field> fields;
  while (!in.empty()) {
    const uint64_t key = varint(in);
    Field field{key >> 3, 0, {}};
    size_t size = 0;
    switch (key & 7) {
      case 0:
        field.value = varint(in);
        break;
      case 1:
        field.value = little_endian<uint64_t>(in);
        size = 8;
        break;
      case 5:
        field.value = little_endian<uint32_t>(in);
        size = 4;
        break;
      default:
        size = varint(in);
        field.bytes = in.substr(0, size);
    }
    in.remove_prefix(size);
    fields.push_back(field);
  }
  return fields;
}

const Field* find(const std::vector<Field>& fields, uint64_t number) {
  for (const Field& f : fields)
    if (f.number == number) return &f;
  return nullptr;
}

// The payloads of a file, with every length and checksum verified.
std::vector<std::string> records_of(const Path& path) {
  const std::string text = read_text(path);
  std::string_view in = text;
  std::vector<std::string> records;
  while (!in.empty()) {
    const auto size = little_endian<uint64_t>(in);
    EXPECT_EQ(little_endian<uint32_t>(in.substr(8)), masked_crc(in.substr(0, 8)));
    records.emplace_back(in.substr(12, size));
    EXPECT_EQ(little_endian<uint32_t>(in.substr(12 + size)), masked_crc(records.back()));
    in.remove_prefix(12 + size + 4);
  }
  return records;
}

Path only_event_file(const Path& folder) {
  std::vector<Path> found;
  for (const auto& entry : std::filesystem::directory_iterator(folder))
    if (entry.path().filename().string().starts_with("events.out.tfevents."))
      found.push_back(entry.path());
  EXPECT_EQ(found.size(), 1u);
  return found.empty() ? Path() : found.front();
}

using EventFileTest = FolderTest;

TEST(Crc32c, GivesThePublishedValues) {
  EXPECT_EQ(crc32c(""), 0u);
  EXPECT_EQ(crc32c("123456789"), 0xe3069283u);
  EXPECT_EQ(crc32c(std::string(32, '\0')), 0x8a9136aau);  // RFC 3720, B.4
  EXPECT_EQ(crc32c(std::string(32, '\xff')), 0x62a8ab43u);
}

TEST_F(EventFileTest, FramesARecordAsLengthChecksumPayloadChecksum) {
  const std::string record = frame_record("abc");
  ASSERT_EQ(record.size(), 8u + 4 + 3 + 4);
  EXPECT_EQ(record.substr(0, 8), std::string("\x03\0\0\0\0\0\0\0", 8));
  EXPECT_EQ(record.substr(12, 3), "abc");
  // masked = rotate right by 15, plus the constant
  EXPECT_EQ(masked_crc("123456789"), ((0xe3069283u >> 15) | (0xe3069283u << 17)) + 0xa282ead8u);
}

TEST_F(EventFileTest, StartsWithTheFileVersion) {
  { EventFile file(folder); }
  const auto records = records_of(only_event_file(folder));
  ASSERT_EQ(records.size(), 1u);
  const auto event = fields_of(records[0]);
  ASSERT_NE(find(event, 3), nullptr);
  EXPECT_EQ(find(event, 3)->bytes, "brain.Event:2");
  EXPECT_GT(std::bit_cast<double>(find(event, 1)->value), 1.7e9);
}

TEST_F(EventFileTest, HoldsTagsStepsAndValues) {
  EventFile file(folder);
  file.scalars(300, {{"train/loss", 0.25}, {"train/accuracy", 0.5}});
  file.flush();
  const auto records = records_of(only_event_file(folder));
  ASSERT_EQ(records.size(), 2u);
  const auto event = fields_of(records[1]);
  EXPECT_EQ(find(event, 2)->value, 300u);
  const auto summary = fields_of(find(event, 5)->bytes);
  ASSERT_EQ(summary.size(), 2u);
  const auto first = fields_of(summary[0].bytes), second = fields_of(summary[1].bytes);
  EXPECT_EQ(find(first, 1)->bytes, "train/loss");
  EXPECT_EQ(std::bit_cast<float>(static_cast<uint32_t>(find(first, 2)->value)), 0.25f);
  EXPECT_EQ(find(second, 1)->bytes, "train/accuracy");
}

TEST_F(EventFileTest, ASecondStartInTheSameSecondGetsAnotherFile) {
  EventFile first(folder), second(folder);
  size_t files = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(folder)) ++files;
  EXPECT_EQ(files, 2u);
}

TEST_F(EventFileTest, AResumedRunTellsReadersToForgetLaterSteps) {
  {
    TensorBoard board(folder, 120);
    board.flush();
  }
  const auto records = records_of(only_event_file(folder));
  ASSERT_EQ(records.size(), 2u);
  const auto event = fields_of(records[1]);
  EXPECT_EQ(find(event, 2)->value, 121u);
  ASSERT_NE(find(event, 7), nullptr);
  EXPECT_EQ(find(fields_of(find(event, 7)->bytes), 1)->value, 1u);  // SessionLog.START
}

TEST_F(EventFileTest, EvaluationsAreNamedValidation) {
  TensorBoard board(folder, 0);
  EvaluationRecord record;
  record.step = 7;
  record.values = {{"accuracy", 0.75}};
  board.evaluation(record);
  board.flush();
  const auto event = fields_of(records_of(only_event_file(folder)).at(1));
  const auto value = fields_of(fields_of(find(event, 5)->bytes).at(0).bytes);
  EXPECT_EQ(find(value, 1)->bytes, "validation/accuracy");
}

TEST(EventFileErrors, NameTheFileAndTheReason) {
  const std::string message = message_of<DataError>([] { EventFile file("/nonexistent/run"); });
  EXPECT_NE(message.find("cannot open /nonexistent/run/events.out.tfevents."), std::string::npos)
      << message;
  EXPECT_NE(message.find("No such file"), std::string::npos) << message;
}

}  // namespace
}  // namespace trireme
