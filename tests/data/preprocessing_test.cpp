// Preprocessing as JSON, synthetic data, prediction input.

#include <cmath>

#include "data/fixture.h"
#include "data/predict_input.h"

namespace trireme {
namespace {

using test::error_of;
using testing::ElementsAre;
using testing::HasSubstr;

Preprocessing table() {
  Preprocessing p;
  p.schema.input = {3};
  p.schema.classes = 2;
  p.schema.class_names = {"no", "yes"};
  p.normalization = {{1.0 / 3, 0, 0}, {0.1, 1, 1}};
  p.features.columns = {{"x", {}, std::nan("")}, {"c", {"a", "b"}, 0}};
  return p;
}

Preprocessing image() {
  Preprocessing p;
  p.schema.input = {2, 1, 2};
  p.schema.image = true;
  p.schema.classes = 2;
  p.normalization = {{0, 10}, {1, 10}};
  return p;
}

std::vector<float> values(const HostTensor& t) { return {t.floats().begin(), t.floats().end()}; }

class PreprocessingTest : public test::DataTest {};

TEST_F(PreprocessingTest, JsonRoundTripIsExact) {
  const Preprocessing p = table(), q = Preprocessing::from_json(p.to_json());
  EXPECT_EQ(q.schema.input, p.schema.input);
  EXPECT_EQ(q.schema.class_names, p.schema.class_names);
  EXPECT_EQ(q.normalization.mean, p.normalization.mean);
  EXPECT_EQ(q.normalization.std, p.normalization.std);
  EXPECT_TRUE(std::isnan(q.features.columns[0].fill));
  EXPECT_EQ(q.features.columns[1].categories, p.features.columns[1].categories);
  EXPECT_EQ(q.to_json(), p.to_json());
}

TEST_F(PreprocessingTest, JsonKeepsWhatIdsThereAre) {
  Preprocessing p = table();
  p.schema.id_features = 2;
  p.schema.id_values = 3;
  p.schema.id_names = {"C1", "C2"};
  const Preprocessing q = Preprocessing::from_json(p.to_json());
  EXPECT_EQ(q.schema.id_features, 2);
  EXPECT_EQ(q.schema.id_values, 3);
  EXPECT_EQ(q.schema.id_names, p.schema.id_names);
  EXPECT_EQ(q.to_json(), p.to_json());
  p.schema.input = {0};  // ids alone
  p.normalization = {};
  EXPECT_EQ(Preprocessing::from_json(p.to_json()).schema.input, Shape{0});
  p.schema.id_names.pop_back();
  EXPECT_THAT(error_of([&] { Preprocessing::from_json(p.to_json()); }),
              HasSubstr("1 id names for 2 features"));
  p.schema.id_values = 0;
  EXPECT_THAT(error_of([&] { Preprocessing::from_json(p.to_json()); }), HasSubstr("2 x 0 ids"));
}

TEST_F(PreprocessingTest, BadJsonIsAFormatError) {
  EXPECT_THROW(Preprocessing::from_json("{"), FormatError);
  EXPECT_THROW(Preprocessing::from_json("{}"), FormatError);
  Preprocessing p = table();
  p.normalization.std[0] = 0;
  EXPECT_THAT(error_of([&] { Preprocessing::from_json(p.to_json()); }),
              HasSubstr("standard deviation 0"));
  p = table();
  p.schema.classes = 3;
  EXPECT_THAT(error_of([&] { Preprocessing::from_json(p.to_json()); }),
              HasSubstr("2 class names for 3 classes"));
  p = table();
  p.normalization.mean.pop_back();
  EXPECT_THAT(error_of([&] { Preprocessing::from_json(p.to_json()); }),
              HasSubstr("2 means and 3 standard"));
  p = table();
  p.schema.image = true;
  EXPECT_THAT(error_of([&] { Preprocessing::from_json(p.to_json()); }),
              HasSubstr("does not fit image = true"));
}

TEST_F(PreprocessingTest, SyntheticDataIsAFunctionOfTheSeed) {
  DataConfig c = test::default_config("synthetic");
  c.shape = {1, 3, 3};
  c.classes = 4;
  c.samples = 50;
  c.validation_samples = 20;
  const auto a = open_data(c, 1), b = open_data(c, 1), other = open_data(c, 2);
  EXPECT_EQ(a.train->size(), 50);
  EXPECT_EQ(a.validation->size(), 20);
  EXPECT_EQ(test::read_sample(*a.train, 7).input, test::read_sample(*b.train, 7).input);
  EXPECT_NE(test::read_sample(*a.train, 7).input, test::read_sample(*other.train, 7).input);
  EXPECT_NE(test::read_sample(*a.train, 7).input, test::read_sample(*a.validation, 7).input);
  EXPECT_EQ(a.train->fingerprint(), b.train->fingerprint());
  EXPECT_NE(a.train->fingerprint(), other.train->fingerprint());
  c.classes = 0;
  EXPECT_THAT(error_of([&] { open_data(c, 1); }), HasSubstr("data.classes is missing"));
  c.shape = {2, 2};
  EXPECT_THAT(error_of([&] { open_data(c, 1); }), HasSubstr("data.shape is 2x2"));
}

TEST_F(PreprocessingTest, SyntheticTargetsAreALinearFunctionOfTheValues) {
  DataConfig c = test::default_config("synthetic");
  c.shape = {1};
  c.samples = 3;
  c.target = "value";
  const auto train = open_data(c, 1).train;
  EXPECT_EQ(train->preprocessing().schema.classes, 0);
  const auto a = test::read_sample(*train, 0), b = test::read_sample(*train, 1);
  const auto d = test::read_sample(*train, 2);
  const double slope = double{a.target[0] - b.target[0]} / double{a.input[0] - b.input[0]};
  EXPECT_NEAR(d.target[0] - a.target[0], slope * double{d.input[0] - a.input[0]}, 1e-4);
}

TEST_F(PreprocessingTest, SyntheticClassesAreApart) {
  DataConfig c = test::default_config("synthetic");
  c.shape = {1};
  c.classes = 2;
  c.samples = 4000;
  const auto train = open_data(c, 3).train;
  double sum[2] = {0, 0}, count[2] = {0, 0}, squares = 0;
  for (uint64_t i = 0; i < 4000; ++i) {
    const auto s = test::read_sample(*train, i);
    sum[s.label] += double{s.input[0]};
    squares += double{s.input[0]} * double{s.input[0]};
    ++count[s.label];
  }
  const double m0 = sum[0] / count[0], m1 = sum[1] / count[1];
  EXPECT_LT(std::abs(m0), 1.1);
  EXPECT_GT(std::abs(m0 - m1), 0.1);
  EXPECT_NEAR(squares / 4000 - (count[0] * m0 * m0 + count[1] * m1 * m1) / 4000, 1, 0.1);
}

TEST_F(PreprocessingTest, PredictionReadsCsvByNameAndIgnoresTheRest) {
  const auto t = read_prediction_input(file("p.csv", "label,c,x\n9,b,1\n,z,2\n"), table()).input;
  EXPECT_EQ(t.shape, (Shape{2, 3}));
  EXPECT_THAT(values(t), testing::Pointwise(testing::FloatNear(1e-5f),
                                            {20.0f / 3, 0.0f, 1.0f, 50.0f / 3, 0.0f, 0.0f}));
  EXPECT_THAT(error_of([&] { read_prediction_input(file("q.csv", "c,xx\nb,1\n"), table()); }),
              testing::AllOf(HasSubstr("q.csv has no column x"), HasSubstr("did you mean")));
  EXPECT_THAT(error_of([&] { read_prediction_input(file("r.csv", "x,c\n,a\n"), table()); }),
              HasSubstr("r.csv:2: column x is empty"));
}

TEST_F(PreprocessingTest, PredictionReadsHeaderlessColumnsInOrder) {
  const auto t = read_prediction_input(file("p.csv", "1,2,30,40\n"), image()).input;
  EXPECT_EQ(t.shape, (Shape{1, 2, 1, 2}));
  EXPECT_THAT(values(t), ElementsAre(1, 2, 2, 3));
}

TEST_F(PreprocessingTest, PredictionTakesNumbersForNamesOnlyWhereTheyCountUpOrStandBesideText) {
  Preprocessing p;
  p.schema.input = {2};
  const auto read = [&](const std::string& text) {
    return values(read_prediction_input(file("p.csv", text), p).input);
  };
  EXPECT_THAT(read("0,1\n5,6\n"), ElementsAre(0, 1, 5, 6));
  p.features.columns = {{"0", {}, std::nan("")}, {"1", {}, std::nan("")}};
  EXPECT_THAT(read("1,0\n5,6\n"), ElementsAre(1, 0, 5, 6));
  EXPECT_THAT(read("1,0,label\n5,6,7\n"), ElementsAre(6, 5));
  EXPECT_THAT(read("0,1,2\n5,6,7\n"), ElementsAre(5, 6));
  EXPECT_THAT(read("0,2,1\n5,6,7\n"), ElementsAre(0, 2, 5, 6));
}

TEST_F(PreprocessingTest, PredictionReadsArraysOfSamplesOrOne) {
  const auto floats = test::raw_bytes<float>({1, 2, 30, 40});
  const auto t =
      read_prediction_input(file("a.npy", test::npy("<f4", "(1, 2, 1, 2)", floats)), image()).input;
  EXPECT_EQ(t.shape, (Shape{1, 2, 1, 2}));
  EXPECT_THAT(values(t), ElementsAre(1, 2, 2, 3));
  EXPECT_EQ(
      values(read_prediction_input(file("b.npy", test::npy("<f4", "(2, 1, 2)", floats)), image())
                 .input),
      values(t));
  const auto bytes = test::raw_bytes<uint8_t>({1, 2, 30, 40});
  EXPECT_EQ(
      values(read_prediction_input(file("c.npy", test::npy("|u1", "(2, 1, 2)", bytes)), image())
                 .input),
      values(t));
  EXPECT_THAT(error_of([&] {
                read_prediction_input(file("d.npy", test::npy("<f4", "(4,)", floats)), image());
              }),
              HasSubstr("d.npy is 4, but the model's input is 2x1x2"));
  const auto holes = test::raw_bytes<float>({1, 2, 30, 40, 1, 2, NAN, 40});
  EXPECT_THAT(error_of([&] {
                read_prediction_input(file("e.npy", test::npy("<f4", "(2, 2, 1, 2)", holes)),
                                      image());
              }),
              HasSubstr("e.npy: sample 1 holds nan, which is not a finite number"));
}

TEST_F(PreprocessingTest, PredictionReadsImagesOfTheRightSize) {
  Preprocessing p = image();
  p.schema.input = {1, 1, 2};
  p.normalization = {{10}, {10}};
  const auto t = read_prediction_input(file("a.png", test::png(1, 2, 1, "\x0a\x14")), p).input;
  EXPECT_EQ(t.shape, (Shape{1, 1, 1, 2}));
  EXPECT_THAT(values(t), ElementsAre(0, 1));
  EXPECT_THAT(error_of([&] { read_prediction_input(file("b.png", test::png(2, 1, 1, "ab")), p); }),
              HasSubstr("b.png is 2x1 (height x width), but the model's input is 1x2"));
  EXPECT_THAT(
      error_of([&] { read_prediction_input(file("c.png", test::png(2, 1, 1, "ab")), table()); }),
      HasSubstr("is an image, but the model's input is 3 columns"));
  EXPECT_THAT(error_of([&] { read_prediction_input(file("d.txt", "x"), p); }),
              HasSubstr("unknown extension"));
}

}  // namespace
}  // namespace trireme
