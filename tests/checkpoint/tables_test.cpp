// What `ckpt inspect` and `ckpt diff` say of embedding tables.

#include <gmock/gmock.h>

#include <limits>

#include "base/error.h"
#include "checkpoint/fixture.h"
#include "checkpoint/stored_tables.h"

namespace trireme {
namespace {

using testing::HasSubstr;

HostTensor integers(const std::vector<int64_t>& values) {
  return HostTensor::from(Shape{static_cast<int64_t>(values.size())},
                          std::span<const int64_t>(values));
}

HostTensor rows_of_two(const std::vector<float>& values) {
  return HostTensor::from(Shape{static_cast<int64_t>(values.size()) / 2, 2},
                          std::span<const float>(values));
}

class Tables : public FolderTest {
 protected:
  Path put(const char* name, const std::map<std::string, HostTensor>& tensors, int64_t step = 10) {
    MemorySource source(tensors);
    return save_checkpoint(folder / name, source, state_at(step), {});
  }
  // Of three rows with norms 5, 13 and 0.
  std::map<std::string, HostTensor> three_rows() const {
    return {{"table.emb.keys", integers({-7, 4, 90})},
            {"table.emb.rows", rows_of_two({3, -4, 5, 12, 0, 0})},
            {"table.emb.sum", rows_of_two({1, 1, 2, 2, 3, 3})},
            {"table.emb.updates", integers({1, 8, 1})},
            {"table.emb.last_step", integers({3, 10, 1})},
            {"model.emb.bias", integers({1})}};
  }
};

TEST_F(Tables, AreDescribedByNormsUpdatesAndAge) {
  const std::string text = describe_checkpoint(put("a", three_rows()));
  EXPECT_THAT(text, HasSubstr("table emb: 3 rows of 2 values, 120 B with keys"));
  EXPECT_THAT(text, HasSubstr("norm of a row      min 0  median 5  p99 13  max 13\n"));
  EXPECT_THAT(text, HasSubstr("updates of a row   min 1  median 1  p99 8  max 8; 66.7 % of rows"));
  EXPECT_THAT(text, HasSubstr("most updated keys  4 (8) -7 (1) 90 (1)\n"));
  EXPECT_THAT(text, HasSubstr("steps untouched    min 0  median 7  p99 9  max 9\n"));
}

// Also in a table of five rows, whose columns have as many values.
TEST_F(Tables, SayWhatBecameOfTheirRows) {
  const std::string text =
      describe_checkpoint(put("a", {{"table.emb.keys", integers({1, 2, 3, 4, 5})},
                                    {"table.emb.rows", rows_of_two({0, 0, 0, 0, 0, 0, 0, 0, 0, 0})},
                                    {"table.emb.life", integers({9, 3, 1, 20, 2})}}));
  EXPECT_THAT(text, HasSubstr("rows so far        9 admitted, 3 expired, 1 evicted; 2 of 20 "));
  EXPECT_THAT(text, HasSubstr("table emb: 5 rows of 2 values, 80 B with keys"));
}

TEST_F(Tables, WithRowsThatAreNotFiniteSaySo) {
  auto tensors = three_rows();
  tensors.at("table.emb.rows").floats()[1] = std::numeric_limits<float>::quiet_NaN();
  const std::string text = describe_checkpoint(put("a", tensors));
  EXPECT_THAT(text, HasSubstr("NOT FINITE         1 rows\n"));
  EXPECT_THAT(text, HasSubstr("norm of a row      min 0  median 0  p99 13  max 13\n"));
}

TEST_F(Tables, MayBeEmptyOrHaveNoCounts) {
  const std::string text = describe_checkpoint(put("a", {{"table.a.keys", integers({})},
                                                         {"table.a.rows", rows_of_two({})},
                                                         {"table.b.keys", integers({5})},
                                                         {"table.b.rows", rows_of_two({0, 1})}}));
  EXPECT_THAT(text, HasSubstr("table a: 0 rows of 2 values"));
  EXPECT_THAT(text, HasSubstr("table b: 1 rows of 2 values"));
  EXPECT_THAT(text, testing::Not(HasSubstr("updates of a row")));
  EXPECT_THAT(describe_checkpoint(put("b", {{"table.a.b.keys", integers({5, 6})}})),
              HasSubstr("table a.b: 2 keys without rows, 16 B\n"));
}

TEST_F(Tables, ShowTheMostUpdatedKeysFirst) {
  std::vector<int64_t> keys, updates;
  for (int64_t i = 0; i < 100; ++i) {
    keys.push_back(i);
    updates.push_back(i * 37 % 100);
  }
  const std::string text = describe_checkpoint(
      put("a", {{"table.t.keys", integers(keys)}, {"table.t.updates", integers(updates)}}));
  EXPECT_THAT(text,
              HasSubstr("keys  27 (99) 54 (98) 81 (97) 8 (96) 35 (95) 62 (94) 89 (93) 16 (92)\n"));
}

TEST_F(Tables, AreComparedByKey) {
  auto other = three_rows();
  other["table.emb.keys"] = integers({-8, -7, 90, 91});
  other["table.emb.rows"] = rows_of_two({0, 0, 3, -4.5f, 0, 0, 9, 9});
  other["table.emb.sum"] = rows_of_two({7, 7, 1, 1, 3, 3, 7, 7});
  other["table.emb.updates"] = integers({1, 1, 2, 1});
  other["table.emb.last_step"] = integers({1, 3, 1, 1});
  const Path a = put("a", three_rows()), b = put("b", other);

  const auto tables = diff_tables(a, b);
  ASSERT_EQ(tables.size(), 1u);
  EXPECT_EQ(tables[0].only_in_a, 1);
  EXPECT_EQ(tables[0].only_in_b, 2);
  EXPECT_EQ(tables[0].both, 2);
  EXPECT_EQ(tables[0].differing, 1);
  EXPECT_EQ(tables[0].max_absolute, 0.5);
  EXPECT_EQ(tables[0].key, -7);

  const auto tensors = diff_checkpoints(a, b);
  ASSERT_EQ(tensors.size(), 3u);  // sum and last_step agree where both have the key
  EXPECT_EQ(tensors[0].name, "table.emb.keys");
  EXPECT_EQ(tensors[0].kind, "keys");
  EXPECT_EQ(tensors[0].differing, 3);
  EXPECT_EQ(tensors[0].elements, 5);
  EXPECT_EQ(tensors[1].name, "table.emb.rows");
  EXPECT_EQ(tensors[1].differing, 1);
  EXPECT_EQ(tensors[1].elements, 4);
  EXPECT_EQ(tensors[2].name, "table.emb.updates");
}

TEST_F(Tables, ThatAreEqualDoNotDiffer) {
  const Path a = put("a", three_rows()), b = put("b", three_rows());
  EXPECT_TRUE(diff_tables(a, b).empty());
  EXPECT_TRUE(diff_checkpoints(a, b).empty());
}

TEST_F(Tables, ThatOnlyOneHasOrOfAnotherWidthAreNamed) {
  auto wide = three_rows();
  wide["table.emb.sum"] = integers({1, 2, 3});
  wide.erase("table.emb.updates");
  wide["table.x.keys"] = integers({1});
  const auto found = diff_checkpoints(put("a", three_rows()), put("b", wide));
  ASSERT_EQ(found.size(), 3u);
  EXPECT_EQ(found[0].name + " " + found[0].kind, "table.emb.sum shape");
  EXPECT_EQ(found[1].name + " " + found[1].kind, "table.emb.updates only in A");
  EXPECT_EQ(found[2].name + " " + found[2].kind, "table.x.keys only in B");
}

TEST_F(Tables, AreRefusedWhereKeysAreNotAscending) {
  auto broken = three_rows();
  broken["table.emb.keys"] = integers({-7, 90, 4});
  const Path a = put("a", broken);
  EXPECT_THAT(message_of<FormatError>([&] { diff_tables(a, a); }),
              HasSubstr("table emb: keys are not ascending at row 2"));
}

TEST_F(Tables, LeaveOutWhatDoesNotGoWithTheirKeys) {
  auto tensors = three_rows();
  tensors["table.emb.note"] = integers({1, 2});
  tensors["table.emb.deep.er"] = integers({1, 2, 3});
  const CheckpointReader reader(put("a", tensors), false);
  const auto tables = stored_tables(reader);
  ASSERT_EQ(tables.size(), 1u);
  EXPECT_EQ(tables[0].columns.size(), 4u);
  EXPECT_EQ(tables[0].find(".note"), nullptr);
}

}  // namespace
}  // namespace trireme
