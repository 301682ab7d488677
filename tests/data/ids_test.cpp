// Samples that carry ids, with and without dense columns beside them.

#include "data/fixture.h"
#include "data/loader.h"
#include "data/preprocessing.h"
#include "data/stored_source.h"

namespace trireme {
namespace {

using test::error_of;
using testing::ElementsAre;
using testing::HasSubstr;

// Two samples of two features with up to two ids; `columns` dense values each.
RawData two_samples(int64_t columns) {
  RawData raw;
  raw.samples = 2;
  raw.shape = {columns};
  for (int64_t i = 0; i < 2 * columns; ++i) raw.floats.push_back(static_cast<float>(i));
  raw.labels = {0, 1};
  raw.ids = {11, -1, int64_t{1} << 62, 13, 21, 22, 0, -1};
  raw.id_features = 2;
  raw.id_values = 2;
  raw.id_names = {"C1", "C2"};
  return raw;
}

StoredSource source(int64_t columns) {
  RawData raw = two_samples(columns);
  const Preprocessing p = derive_preprocessing(raw, test::default_config("csv"), {});
  return {std::move(raw), p, {}};
}

TEST(Ids, ComeWithEverySample) {
  const StoredSource data = source(3);
  EXPECT_EQ(data.preprocessing().schema.ids(), 4);
  EXPECT_THAT(test::read_sample(data, 0).ids, ElementsAre(11, -1, int64_t{1} << 62, 13));
  EXPECT_THAT(test::read_sample(data, 1).ids, ElementsAre(21, 22, 0, -1));
  EXPECT_THAT(test::read_sample(data, 1).input, ElementsAre(3, 4, 5));
}

TEST(Ids, MayStandAlone) {
  const StoredSource data = source(0);
  EXPECT_EQ(data.preprocessing().schema.input, Shape{0});
  EXPECT_TRUE(data.preprocessing().normalization.mean.empty());
  EXPECT_THAT(test::read_sample(data, 1).ids, ElementsAre(21, 22, 0, -1));
  EXPECT_EQ(test::read_sample(data, 1).label, 1);
}

TEST(Ids, ReachTheBatch) {
  for (const int64_t columns : {0, 3}) {
    const StoredSource data = source(columns);
    const auto order = make_order(test::default_config("csv"), data, 1, false);
    const auto plan = [](int64_t) { return std::vector<LeafRequest>{{0, 0, 0, 2}}; };
    Loader loader(data, *order, plan, 0, 1, 2, {});
    const LeafBatch& batch = loader.get(0, 0);
    ASSERT_NE(batch.at(BatchField::ids), nullptr);
    const auto* ids = reinterpret_cast<const int64_t*>(batch.at(BatchField::ids));
    EXPECT_THAT(std::vector<int64_t>(ids, ids + 8),
                ElementsAre(11, -1, int64_t{1} << 62, 13, 21, 22, 0, -1));
    EXPECT_EQ(batch.at(BatchField::input) != nullptr, columns > 0);
  }
}

TEST(Ids, OfOtherDataMustBeTheSameColumns) {
  const RawData raw = two_samples(1);
  const Preprocessing p = derive_preprocessing(raw, test::default_config("csv"), {});
  RawData other = two_samples(1);
  other.id_names = {"C1", "C3"};
  EXPECT_THAT(
      error_of([&] { check_fits(other, p, "the validation data"); }),
      HasSubstr("the ids of the validation data come from C3, but the model's data has C2"));
  other = two_samples(1);
  other.id_features = 4;
  other.id_values = 1;
  EXPECT_THAT(error_of([&] { check_fits(other, p, "the validation data"); }),
              HasSubstr("has 4 x 1 ids, but the model's data has 2 x 2 [check data.ids"));
}

}  // namespace
}  // namespace trireme
