// Tables that several servers wrote: tensors in parts.

#include "checkpoint/parts.h"

#include <gmock/gmock.h>

#include "base/error.h"
#include "base/text.h"
#include "checkpoint/column_file.h"
#include "checkpoint/fixture.h"
#include "checkpoint/folder.h"
#include "checkpoint/pending.h"
#include "checkpoint/stored_tables.h"

namespace trireme {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using Tensors = std::map<std::string, HostTensor>;

HostTensor integers(const std::vector<int64_t>& values) {
  return HostTensor::from(Shape{static_cast<int64_t>(values.size())},
                          std::span<const int64_t>(values));
}

HostTensor pairs(const std::vector<float>& values) {
  return HostTensor::from(Shape{static_cast<int64_t>(values.size()) / 2, 2},
                          std::span<const float>(values));
}

std::string first_of(const std::string& tensor) { return part_name(tensor, 0, 2); }
std::string second_of(const std::string& tensor) { return part_name(tensor, 1, 2); }

class Parts : public FolderTest {
 protected:
  Path put(const char* name, const Tensors& tensors) {
    MemorySource source(tensors);
    return save_checkpoint(folder / name, source, state_at(10), {});
  }
  Tensors whole() const {
    return {{"table.emb.keys", integers({-7, 4, 50, 90})},
            {"table.emb.rows", pairs({3, -4, 5, 12, 8, 9, 0, 1})},
            {"table.emb.updates", integers({1, 8, 2, 3})},
            {"model.bias", integers({1})}};
  }
  Tensors in_two() const {
    return {{first_of("table.emb.keys"), integers({4, 90})},
            {second_of("table.emb.keys"), integers({-7, 50})},
            {first_of("table.emb.rows"), pairs({5, 12, 0, 1})},
            {second_of("table.emb.rows"), pairs({3, -4, 8, 9})},
            {first_of("table.emb.updates"), integers({8, 3})},
            {second_of("table.emb.updates"), integers({1, 2})},
            {"model.bias", integers({1})}};
  }
};

TEST(PartNames, AreReadAsTheyAreWritten) {
  EXPECT_EQ(part_name("table.a.keys", 1, 12), "table.a.keys.part-00002-of-00012");
  EXPECT_EQ(part_name("table.a.keys", 0, 1), "table.a.keys");
  const PartName parsed = parse_part("table.a.keys.part-00002-of-00012");
  EXPECT_EQ(parsed.tensor, "table.a.keys");
  EXPECT_EQ(parsed.part, 1);
  EXPECT_EQ(parsed.parts, 12);
  for (const std::string other :
       {"table.a.keys", ".part-00001-of-00002", "a.part-00003-of-00002", "a.part-00000-of-00002",
        "a.part-00001-of-00001", "a.part-+0001-of-00002", "a.part-00001_of-00002", ""}) {
    EXPECT_EQ(parse_part(other).parts, 1) << other;
    EXPECT_EQ(parse_part(other).tensor, other);
  }
}

TEST_F(Parts, AreOneTableByAscendingKey) {
  const CheckpointReader reader(put("a", in_two()), true);
  EXPECT_EQ(reader.manifest().version, 2);
  const auto tables = stored_tables(reader);
  ASSERT_EQ(tables.size(), 1u);
  EXPECT_EQ(tables[0].rows, 4);
  std::vector<int64_t> keys, updates;
  for (int64_t i = 0; i < tables[0].rows; ++i) {
    keys.push_back(tables[0].keys.integer(i));
    updates.push_back(tables[0].find(".updates")->integer(i));
  }
  EXPECT_THAT(keys, ElementsAre(-7, 4, 50, 90));
  EXPECT_THAT(updates, ElementsAre(1, 8, 2, 3));
}

TEST_F(Parts, AreWhatTheWholeIsToDiffHashAndInspect) {
  const Path a = put("a", whole()), b = put("b", in_two());
  EXPECT_TRUE(diff_checkpoints(a, b).empty());
  EXPECT_TRUE(diff_checkpoints(b, a).empty());
  EXPECT_TRUE(diff_tables(a, b).empty());
  const CheckpointReader x(a, true), y(b, true);
  EXPECT_EQ(x.manifest().version, 1);
  EXPECT_EQ(weights_hash(x), weights_hash(y));
  const auto of_the_table = [](const Path& path) {
    const std::string text = describe_checkpoint(path);
    return text.substr(text.find("tensor "), text.rfind("sha256 of") - text.find("tensor "));
  };
  EXPECT_EQ(of_the_table(a), of_the_table(b));
}

TEST_F(Parts, ThatDifferAreNamedAsTheWhole) {
  auto other = in_two();
  other.at(second_of("table.emb.rows")).floats()[3] = 9.5f;
  other.erase(first_of("table.emb.updates"));
  other.erase(second_of("table.emb.updates"));
  const Path a = put("a", whole()), b = put("b", other);
  const auto found = diff_checkpoints(a, b);
  ASSERT_EQ(found.size(), 2u);
  EXPECT_EQ(found[0].name, "table.emb.rows");
  EXPECT_EQ(found[0].differing, 1);
  EXPECT_EQ(found[0].elements, 8);
  EXPECT_EQ(found[1].name + " " + found[1].kind, "table.emb.updates only in A");
  ASSERT_EQ(diff_tables(a, b).size(), 1u);
  EXPECT_EQ(diff_tables(a, b)[0].key, 50);
}

TEST_F(Parts, AreRefusedWhereOneIsMissingOrOfAnotherKind) {
  auto lacks = in_two(), odd = in_two(), twice = in_two();
  lacks.erase(second_of("table.emb.updates"));
  odd[second_of("table.emb.rows")] = integers({1, 2});
  twice["table.emb.keys"] = integers({1});
  for (const auto& [tensors, expected] :
       {std::pair{lacks, "of tensor 'table.emb.updates' 1 parts are there, of 2"},
        std::pair{odd, "does not go with the other parts of 'table.emb.rows'"},
        std::pair{twice, "does not go with the other parts of 'table.emb.keys'"}}) {
    const Path path = put("a", tensors);
    EXPECT_THAT(message_of<FormatError>([&] { CheckpointReader(path, false); }),
                HasSubstr(expected));
    EXPECT_THAT(join(verify_checkpoint(path), "; "), HasSubstr(expected));
  }
}

TEST_F(Parts, AreRefusedWhereKeysAreNotAscendingOrInTwo) {
  auto fall = in_two(), both = in_two();
  fall[second_of("table.emb.keys")] = integers({50, -7});
  both[second_of("table.emb.keys")] = integers({-7, 90});
  const Path a = put("a", fall), b = put("b", both);
  EXPECT_THAT(message_of<FormatError>([&] { diff_tables(a, a); }),
              HasSubstr("table emb, part 2: keys are not ascending at row 1"));
  EXPECT_THAT(message_of<FormatError>([&] { diff_tables(b, b); }),
              HasSubstr("table emb: keys are not ascending at row 3"));
}

// A file as a server writes it, column by column in pieces and out of order.
TEST_F(Parts, OfOthersAreSealedWithTheRest) {
  PendingCheckpoint pending(folder / "a", 10);
  const std::vector<TensorMeta> tensors = {{first_of("table.emb.rows"), Shape{2, 2}, DType::f32},
                                           {first_of("table.emb.keys"), Shape{2}, DType::i64}};
  const auto bytes_of = [](const auto& tensor) { return std::as_bytes(std::span(tensor)); };
  const std::vector<int64_t> keys = {4, 90};
  const std::vector<float> rows = {5, 12, 0, 1};
  ColumnFile file(pending.path() / "tables-00001-of-00002.safetensors", tensors);
  file.write(tensors[0].name, 8, bytes_of(rows).subspan(8));
  file.write(tensors[1].name, 0, bytes_of(keys));
  file.write(tensors[0].name, 0, bytes_of(rows).first(8));
  const WrittenFile written = file.finish();
  EXPECT_EQ(written.bytes, file.bytes());

  auto rest = in_two();
  rest.erase(tensors[0].name);
  rest.erase(tensors[1].name);
  MemorySource source(rest);
  const Path path = pending.seal(source, state_at(10), {}, [&] {
    return std::vector<WrittenPart>{
        {{"tables-00001-of-00002.safetensors", written.bytes, written.sha256}, tensors}};
  });
  EXPECT_THAT(verify_checkpoint(path), ElementsAre());
  EXPECT_TRUE(diff_checkpoints(path, put("b", whole())).empty());
}

TEST_F(Parts, ThatAreNeverWrittenLeaveNoCheckpoint) {
  {
    PendingCheckpoint pending(folder, 10);
    EXPECT_TRUE(is_leftover(pending.path().filename().string()));
    MemorySource source(whole());
    EXPECT_THROW(pending.seal(source, state_at(10), {},
                              []() -> std::vector<WrittenPart> { throw DataError("gone", ""); }),
                 DataError);
    EXPECT_TRUE(list_checkpoints(folder).empty());
  }
  EXPECT_TRUE(entries_of(folder).empty());
}

}  // namespace
}  // namespace trireme
