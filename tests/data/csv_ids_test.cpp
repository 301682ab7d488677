// CSV columns that become ids, and logarithms of numeric ones.

#include <cmath>

#include "base/xxh64.h"
#include "data/csv_encode.h"
#include "data/fixture.h"
#include "data/predict_input.h"

namespace trireme {
namespace {

using test::error_of;
using test::read_sample;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

class CsvIdsTest : public test::DataTest {
 protected:
  CsvIdsTest() : config(test::default_config("csv")) { config.ids = {"C1", "C2"}; }
  DataSets open(const std::string& train, const std::string& validation = "") {
    config.train = {file("train.csv", train)};
    config.validation.clear();
    if (!validation.empty()) config.validation = {file("validation.csv", validation)};
    return open_data(config, 1);
  }
  std::string error(const std::string& train) {
    return error_of([&] { open(train); });
  }
  DataConfig config;
};

int64_t hash(const std::string& column, const std::string& text) {
  return static_cast<int64_t>(xxh64(text, xxh64(column)) & 0x7fffffffffffffffu);
}

TEST_F(CsvIdsTest, HashTheTextOfACellWithItsColumn) {
  const auto sets = open("x,C1,C2,label\n1,a,a,0\n2,,b,1\n");
  const Schema& schema = sets.train->preprocessing().schema;
  EXPECT_EQ(schema.input, Shape{1});
  EXPECT_EQ(schema.id_features, 2);
  EXPECT_EQ(schema.id_values, 1);
  EXPECT_THAT(schema.id_names, ElementsAre("C1", "C2"));
  EXPECT_THAT(read_sample(*sets.train, 0).ids, ElementsAre(hash("C1", "a"), hash("C2", "a")));
  EXPECT_NE(hash("C1", "a"), hash("C2", "a"));
  EXPECT_THAT(read_sample(*sets.train, 1).ids, ElementsAre(hash("C1", ""), hash("C2", "b")));
  EXPECT_THAT(read_sample(*sets.train, 1).input, ElementsAre(2));
}

TEST_F(CsvIdsTest, StayBelowTheBuckets) {
  config.ids_buckets = 10;
  const auto sets = open("C1,C2,label\na,b,0\nc,d,1\n");
  EXPECT_EQ(sets.train->preprocessing().schema.input, Shape{0});
  EXPECT_THAT(read_sample(*sets.train, 1).ids,
              ElementsAre(hash("C1", "c") % 10, hash("C2", "d") % 10));
}

TEST_F(CsvIdsTest, OfAVocabularyCountFromOneAndUnknownIsZero) {
  config.ids_from = "vocabulary";
  config.ids_min_count = 2;
  const auto sets =
      open("C1,C2,label\nb,x,0\na,,0\nb,x,1\na,,0\nrare,y,1\n", "C1,C2,label\nb,y,0\n");
  EXPECT_THAT(sets.train->preprocessing().features.ids.columns[0].vocabulary,
              ElementsAre("a", "b"));
  EXPECT_THAT(read_sample(*sets.train, 0).ids, ElementsAre(2, 2));
  EXPECT_THAT(read_sample(*sets.train, 1).ids, ElementsAre(1, 1));  // "" is a text like others
  EXPECT_THAT(read_sample(*sets.train, 4).ids, ElementsAre(0, 0));
  EXPECT_THAT(read_sample(*sets.validation, 0).ids, ElementsAre(2, 0));
}

TEST_F(CsvIdsTest, OfHeldOutRowsAreNotInTheVocabulary) {
  config.ids_from = "vocabulary";
  config.ids = {"C1"};
  config.validation_split = 0.5;
  std::string text = "C1,label\n";
  for (int i = 100; i < 200; ++i) text += std::to_string(i) + "," + std::to_string(i % 2) + "\n";
  const auto sets = open(text);
  const auto& vocabulary = sets.train->preprocessing().features.ids.columns[0].vocabulary;
  EXPECT_EQ(static_cast<int64_t>(vocabulary.size()), sets.train->size());
  for (uint64_t i = 0; i < static_cast<uint64_t>(sets.validation->size()); ++i)
    EXPECT_THAT(read_sample(*sets.validation, i).ids, ElementsAre(0));
}

TEST_F(CsvIdsTest, OfCellsWithSeveralValuesFillUpWithNone) {
  config.ids = {"C1"};
  config.ids_separator = "|";
  config.ids_max = 3;
  testing::internal::CaptureStderr();
  const auto sets = open("C1,label\na|b,0\n,1\na|b|c|d|e,0\na|,1\n");
  EXPECT_THAT(testing::internal::GetCapturedStderr(),
              HasSubstr("column C1: 1 of 4 cells hold more than data.ids_max = 3 values"));
  const int64_t a = hash("C1", "a"), b = hash("C1", "b"), none = hash("C1", "");
  EXPECT_EQ(sets.train->preprocessing().schema.id_values, 3);
  EXPECT_THAT(read_sample(*sets.train, 0).ids, ElementsAre(a, b, -1));
  EXPECT_THAT(read_sample(*sets.train, 1).ids, ElementsAre(none, -1, -1));
  EXPECT_THAT(read_sample(*sets.train, 2).ids, ElementsAre(a, b, hash("C1", "c")));
  EXPECT_THAT(read_sample(*sets.train, 3).ids, ElementsAre(a, none, -1));
}

TEST_F(CsvIdsTest, ColumnsMayBeNamedAsARange) {
  config.ids = {"C1-C3"};
  config.ignore = {"Id"};
  config.log = {"I1-I2"};
  const auto sets = open("Id,label,I1,I2,C1,C2,C3\n7,0,0,1,a,b,c\n");
  EXPECT_THAT(sets.train->preprocessing().schema.id_names, ElementsAre("C1", "C2", "C3"));
  EXPECT_THAT(read_sample(*sets.train, 0).input, ElementsAre(0, std::log(2.0f)));
  config.ids = {"C3-C1"};
  EXPECT_THAT(error("Id,label,I1,I2,C1,C2,C3\n7,0,0,1,a,b,c\n"),
              AllOf(HasSubstr("C1 (data.ids) comes before C3"), HasSubstr("write C1-C3")));
  config.ids = {"C-1"};  // a name may hold a dash
  EXPECT_EQ(open("Id,label,I1,I2,C-1\n7,0,0,1,a\n").train->preprocessing().schema.id_features, 1);
}

TEST_F(CsvIdsTest, LogarithmsComeBeforeMeansAndNormalisation) {
  config.log = {"x"};
  config.normalize = "standard";
  const auto sets = open("x,C1,C2,label\n-5,a,b,0\n0,a,b,0\n,a,b,1\n1e3,a,b,1\n");
  const double top = std::log1p(1e3), mean = top / 3;
  const auto& p = sets.train->preprocessing();
  EXPECT_TRUE(p.features.columns[0].log);
  EXPECT_NEAR(p.features.columns[0].fill, mean, 1e-6);
  EXPECT_NEAR(p.normalization.mean[0], mean, 1e-6);
  EXPECT_EQ(read_sample(*sets.train, 0).input, read_sample(*sets.train, 1).input);
  EXPECT_NEAR(double{read_sample(*sets.train, 2).input[0]}, 0, 1e-6);
  EXPECT_NEAR(double{read_sample(*sets.train, 3).input[0]}, (top - mean) / p.normalization.std[0],
              1e-5);
}

TEST_F(CsvIdsTest, PredictionReadsTheSameColumnsAfterARoundTrip) {
  for (const char* from : {"hash", "vocabulary"}) {
    config.ids_from = from;
    config.ids_separator = "|";
    config.ids_max = 2;
    config.log = {"x"};
    const auto sets = open("x,C1,C2,label\n3,a|b,q,0\n8,b,,1\n");
    const Preprocessing p = Preprocessing::from_json(sets.train->preprocessing().to_json());
    EXPECT_EQ(p.to_json(), sets.train->preprocessing().to_json());
    const auto given = read_prediction_input(file("p.csv", "C2,note,C1,x\nq,?,a|b,3\n,?,b,8\n"), p);
    EXPECT_EQ(given.ids.shape, (Shape{2, 2, 2}));
    EXPECT_EQ(given.input.shape, (Shape{2, 1}));
    for (uint64_t i = 0; i < 2; ++i) {
      const auto sample = read_sample(*sets.train, i);
      const auto ids = given.ids.ints().subspan(4 * i, 4);
      EXPECT_EQ(std::vector<int64_t>(ids.begin(), ids.end()), sample.ids);
      EXPECT_EQ(given.input.floats()[i], sample.input[0]);
    }
    EXPECT_THAT(error_of([&] { read_prediction_input(file("q.csv", "C2,x\nq,3\n"), p); }),
                HasSubstr("q.csv has no column C1, which the model was trained on (3 columns)"));
    EXPECT_THAT(error_of([&] { read_prediction_input(file("q.npy", "x"), p); }),
                HasSubstr("q.npy has no ids, but the model reads some"));
  }
}

TEST_F(CsvIdsTest, AloneAreAPredictionsOnlyInput) {
  const auto sets = open("C1,C2,label\na,b,0\nc,d,1\n");
  const auto given =
      read_prediction_input(file("p.csv", "C1,C2\nc,d\n"), sets.train->preprocessing());
  EXPECT_EQ(given.input.shape.rank(), 0);
  EXPECT_THAT(read_sample(*sets.train, 1).ids,
              ElementsAre(given.ids.ints()[0], given.ids.ints()[1]));
}

TEST_F(CsvIdsTest, DamagedJsonIsAFormatError) {
  const Preprocessing good = open("C1,C2,label\na,b,0\nc,d,1\n").train->preprocessing();
  const std::string text = good.to_json();
  EXPECT_THROW(Preprocessing::from_json(text.substr(0, text.size() / 2)), FormatError);
  Preprocessing p = good;
  p.features.ids.values = 2;
  EXPECT_THAT(error_of([&] { Preprocessing::from_json(p.to_json()); }),
              HasSubstr("2 id columns of 2 values for 2 x 1 ids"));
  p = good;
  p.features.ids.buckets = -1;
  EXPECT_THAT(error_of([&] { Preprocessing::from_json(p.to_json()); }),
              HasSubstr("ids with -1 buckets"));
}

TEST_F(CsvIdsTest, ErrorsNameFileColumnAndKey) {
  config.ids = {"C1", "C3"};
  EXPECT_THAT(error("x,C1,C2,label\n1,a,b,0\n"),
              AllOf(HasSubstr("train.csv has no column C3 (data.ids) among its 4"),
                    HasSubstr("did you mean C1?")));
  config.ids = {"C1", "C1"};
  EXPECT_THAT(error("C1,label\na,0\n"), HasSubstr("column C1 is in data.ids and also again"));
  config.ids = {"label"};
  EXPECT_THAT(error("C1,label\na,0\n"),
              HasSubstr("column label is in data.ids and also the label, the weight or ignored"));
  config.ids = {"C1"};
  config.categorical = {"C1"};
  EXPECT_THAT(error("C1,label\na,0\n"), HasSubstr("is in data.ids and also in data.categorical"));
  config.categorical.clear();
  config.log = {"x"};
  EXPECT_THAT(error("x,C1,label\nseven,a,0\n"),
              AllOf(HasSubstr("train.csv:2: column x holds 'seven'"), HasSubstr("data.ids")));
  EXPECT_THAT(error("x,C1,label\n1,a,0\n1,a\n"),
              HasSubstr("train.csv:3: 2 cells, but the first line has 3"));
  config.ids_from = "vocabulary";
  EXPECT_THAT(error("x,C1,label\n1,a,0\n1,gr\xfcn,1\n"),
              HasSubstr("train.csv:3: 'gr\xfcn' is not"));
}

}  // namespace
}  // namespace trireme
