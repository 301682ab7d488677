#include <cmath>

#include "data/fixture.h"

namespace trireme {
namespace {

using test::error_of;
using testing::ElementsAre;
using testing::HasSubstr;

class CsvTest : public test::DataTest {
 protected:
  CsvTest() : config(test::default_config("csv")) {}
  DataSets open(const std::string& train, const std::string& validation = "") {
    config.train = {file("train.csv", train)};
    config.validation.clear();
    if (!validation.empty()) config.validation = {file("validation.csv", validation)};
    return open_data(config, 1);
  }
  std::string error(const std::string& train, const std::string& validation = "") {
    return error_of([&] { open(train, validation); });
  }
  DataConfig config;
};

TEST_F(CsvTest, ReadsNumbersLabelsQuotesAndBothLineEnds) {
  const auto sets = open("\xef\xbb\xbf\"a \"\"x\"\"\",label,b\r\n1,0,2\r\n\"3\",1,\"-4.5\"\n\n");
  const auto& schema = sets.train->preprocessing().schema;
  EXPECT_EQ(sets.train->size(), 2);
  EXPECT_EQ(schema.input, Shape{2});
  EXPECT_EQ(schema.classes, 2);
  EXPECT_FALSE(schema.image);
  EXPECT_EQ(sets.train->preprocessing().features.columns[0].name, "a \"x\"");
  const auto sample = test::read_sample(*sets.train, 1);
  EXPECT_THAT(sample.input, ElementsAre(3, -4.5));
  EXPECT_EQ(sample.label, 1);
  EXPECT_TRUE(sets.train->in_memory());
  EXPECT_EQ(sets.validation, nullptr);
}

TEST_F(CsvTest, ReadsGzipTabsNoHeaderAndAnIndexAsLabel) {
  config.header = false;
  config.delimiter = "tab";
  config.label = "1";
  // Two members, as `cat a.gz b.gz` makes them.
  config.train = {file("x.tsv.gz", test::gzip("1\t0\t5\n") + test::gzip("2\t1\t6\n"))};
  const auto sets = open_data(config, 1);
  EXPECT_THAT(test::read_sample(*sets.train, 1).input, ElementsAre(2, 6));
}

TEST_F(CsvTest, OneHotUsesSortedTrainingValuesAndUnknownOnesAreZero) {
  config.categorical = {"c"};
  const auto sets = open("c,label\nred,0\nblue,1\n", "c,label\ngreen,0\nblue,1\n");
  EXPECT_THAT(sets.train->preprocessing().features.columns[0].categories,
              ElementsAre("blue", "red"));
  EXPECT_THAT(test::read_sample(*sets.train, 0).input, ElementsAre(0, 1));
  EXPECT_THAT(test::read_sample(*sets.validation, 0).input, ElementsAre(0, 0));
  EXPECT_THAT(test::read_sample(*sets.validation, 1).input, ElementsAre(1, 0));
}

TEST_F(CsvTest, StandardNormalisationComesFromTheTrainingSplitAndSkipsOneHot) {
  config.normalize = "standard";
  config.categorical = {"c"};
  const auto sets = open("x,c,label\n1,u,0\n3,u,1\n", "x,c,label\n5,u,0\n");
  const auto& n = sets.train->preprocessing().normalization;
  EXPECT_THAT(n.mean, ElementsAre(2, 0));
  EXPECT_THAT(n.std, ElementsAre(1, 1));
  EXPECT_THAT(test::read_sample(*sets.validation, 0).input, ElementsAre(3, 1));
}

TEST_F(CsvTest, MissingValuesBecomeTheMeanOrZero) {
  const std::string text = "x,label\n1,0\n,1\n3,1\n";
  EXPECT_THAT(test::read_sample(*open(text).train, 1).input, ElementsAre(2));
  config.missing = "zero";
  EXPECT_THAT(test::read_sample(*open(text).train, 1).input, ElementsAre(0));
  config.missing = "error";
  EXPECT_THAT(error(text), HasSubstr("train.csv:3: column x is empty"));
}

TEST_F(CsvTest, NamedClassesAreSortedAndWeightsAndIgnoredColumnsAreLeftOut) {
  config.weight = "w";
  config.ignore = {"id"};
  const auto sets = open("id,x,w,label\n7,1,0.5,dog\n8,2,2,cat\n");
  EXPECT_THAT(sets.train->preprocessing().schema.class_names, ElementsAre("cat", "dog"));
  EXPECT_TRUE(sets.train->preprocessing().schema.weighted);
  const auto sample = test::read_sample(*sets.train, 0);
  EXPECT_THAT(sample.input, ElementsAre(1));
  EXPECT_EQ(sample.label, 1);
  EXPECT_EQ(sample.weight, 0.5f);
}

TEST_F(CsvTest, RealTargetsAreValues) {
  config.target = "value";
  const auto sets = open("x,label\n1,0.25\n");
  EXPECT_EQ(sets.train->preprocessing().schema.classes, 0);
  EXPECT_THAT(test::read_sample(*sets.train, 0).target, ElementsAre(0.25));
}

TEST_F(CsvTest, ColumnsBecomeAnImageInChannelsLastOrder) {
  config.channels = 2;
  config.height = 1;
  config.width = 2;
  config.normalize = "unit";
  config.scale = 2;
  const auto sets = open("a,b,c,d,label\n2,4,6,8,0\n");
  EXPECT_EQ(sets.train->preprocessing().schema.input, (Shape{2, 1, 2}));
  EXPECT_TRUE(sets.train->preprocessing().schema.image);
  EXPECT_THAT(test::read_sample(*sets.train, 0).input, ElementsAre(1, 3, 2, 4));
  config.width = 3;
  EXPECT_THAT(error("a,b,c,d,label\n2,4,6,8,0\n"),
              HasSubstr("the data has 4 columns, but data.channels x height x width is 2x1x3 = 6"));
}

TEST_F(CsvTest, SplitIsDisjointCompleteAndSharesPreprocessing) {
  std::string text = "x,label\n";
  for (int i = 0; i < 200; ++i) text += std::to_string(i) + "," + std::to_string(i % 2) + "\n";
  config.validation_split = 0.25;
  config.normalize = "standard";
  const auto sets = open(text);
  EXPECT_EQ(sets.train->size() + sets.validation->size(), 200);
  EXPECT_NEAR(static_cast<double>(sets.validation->size()), 50, 25);
  for (const DataSource* set : {sets.train.get(), sets.validation.get()})
    for (uint64_t i = 0; i < static_cast<uint64_t>(set->size()); ++i)
      EXPECT_EQ(test::read_sample(*set, i).label, static_cast<int64_t>(set->place(i)) % 2);
  double sum = 0;
  for (int64_t i = 0; i < sets.train->size(); ++i)
    sum += double{test::read_sample(*sets.train, uint64_t(i)).input[0]};
  EXPECT_NEAR(sum, 0, 1e-4);  // the statistics are those of the training split
  EXPECT_NE(sets.train->fingerprint(), sets.validation->fingerprint());
  EXPECT_EQ(sets.train->fingerprint(), open(text).train->fingerprint());
}

TEST_F(CsvTest, ErrorsNameFileLineAndColumn) {
  EXPECT_THAT(error("x,label\n1,0\n1,2,3\n"),
              HasSubstr("train.csv:3: 3 cells, but the first line has 2"));
  EXPECT_THAT(error("x,lable\n1,0\n"),
              testing::AllOf(HasSubstr("has no column label (data.label) among its 2"),
                             HasSubstr("did you mean lable?")));
  EXPECT_THAT(error("x,label\n1,0\nabc,1\n"),
              HasSubstr("train.csv:3: column x holds 'abc', which is not a number"));
  EXPECT_THAT(error("x,label\ninf,0\n"), HasSubstr("holds 'inf'"));
  EXPECT_THAT(error("x,label\n1,0\n-1e39,1\n"),
              HasSubstr("train.csv:3: column x holds -1e39, which a 32-bit number cannot hold"));
  EXPECT_THAT(error("x,label\n"), HasSubstr("train.csv has no rows after its header"));
  EXPECT_THAT(error("x,label\n1,\n"), HasSubstr("train.csv:2: column label (the label) is empty"));
  EXPECT_THAT(error("x,label\n\"1,0\n"), HasSubstr("train.csv:2: a quoted cell never ends"));
  EXPECT_THAT(error("x,label\n\"1\"2,0\n"),
              HasSubstr("train.csv:2: text after the closing quote of column 1"));
  EXPECT_THAT(error("x,label\n\"1\"\r,0\n"),
              HasSubstr("train.csv:2: text after the closing quote of column 1"));
  EXPECT_THAT(error("label\n1\n"), HasSubstr("has no feature columns"));
  EXPECT_THAT(error("x,x,label\n1,2,0\n"),
              testing::AllOf(HasSubstr("train.csv has several columns x (the feature)"),
                             HasSubstr("a name of its own")));
  EXPECT_THAT(error("x,label,label\n1,0,1\n"), HasSubstr("several columns label (data.label)"));
  EXPECT_THAT(error("x;label\n1;0\n"), HasSubstr("is data.delimiter right?"));
  config.weight = "w";
  EXPECT_THAT(error("x,w,label\n1,-1,0\n"), HasSubstr("column w (the weight) is -1"));
}

TEST_F(CsvTest, NamesAndClassesThatAreNotUtf8NameTheirLine) {
  EXPECT_THAT(error("x,label\n1,a\n2,gr\xfcn\n"),
              testing::AllOf(HasSubstr("train.csv:3: 'gr\xfcn' is not UTF-8"), HasSubstr("iconv")));
  EXPECT_THAT(error("\xfc,label\n1,0\n"), HasSubstr("train.csv:1: '\xfc' is not UTF-8"));
  config.ignore = {"note"};
  EXPECT_THAT(error("x,note,label\n1,\xfc,0\n2,b,1\n"), "no error");
}

TEST_F(CsvTest, LabelsThatAreNoClassNameTheirLine) {
  config.classes = 2;
  EXPECT_THAT(error("x,label\n1,0\n1,2\n"),
              HasSubstr("train.csv:3: label 2 is not a class; classes are 0 to 1"));
  config.classes = 0;
  EXPECT_THAT(error("x,label\n1,0\n1,16777216\n"),
              HasSubstr("train.csv:3: label 16777216 is not a class; classes are 0 to 16777215"));
  EXPECT_THAT(error("x,label\n1,0\n1,1\n", "x,label\n1,2\n"),
              HasSubstr("validation.csv:2: label 2 is not a class; classes are 0 to 1"));
  EXPECT_THAT(error("x,label\n1,cat\n1,dog\n", "x,label\n1,dof\n"),
              testing::AllOf(HasSubstr("label dof is not one of the 2 classes"),
                             HasSubstr("did you mean dog?")));
}

TEST_F(CsvTest, ClassesWithoutSamplesAreNamedInAWarning) {
  config.classes = 3;
  testing::internal::CaptureStderr();
  open("x,label\n1,0\n1,2\n");
  EXPECT_THAT(testing::internal::GetCapturedStderr(),
              HasSubstr("1 of 3 classes have no training sample: 1"));
}

TEST_F(CsvTest, FilesThatAreMissingEmptyOrCutAreErrors) {
  config.train = {(folder_ / "none.csv").string()};
  EXPECT_THAT(error_of([&] { open_data(config, 1); }), HasSubstr("none.csv does not exist"));
  config.train = {(folder_ / "*.csv").string()};
  EXPECT_THAT(error_of([&] { open_data(config, 1); }), HasSubstr("no file matches"));
  EXPECT_THAT(error(""), HasSubstr("train.csv is empty"));
  const std::string packed = test::gzip("x,label\n1,0\n2,1\n");
  config.train = {file("cut.csv.gz", packed.substr(0, packed.size() - 10))};
  EXPECT_THAT(error_of([&] { open_data(config, 1); }),
              HasSubstr("cut.csv.gz is not a whole gzip file"));
}

TEST_F(CsvTest, FixedPreprocessingIsUsedInsteadOfTheDatas) {
  config.normalize = "standard";
  const auto fixed = open("x,label\n1,0\n3,1\n").train->preprocessing();
  config.train = {file("other.csv", "x,label\n100,1\n")};
  const auto sets = open_data(config, 1, fixed);
  EXPECT_THAT(test::read_sample(*sets.train, 0).input, ElementsAre(98));
  EXPECT_EQ(sets.train->preprocessing().schema.classes, 2);
}

TEST_F(CsvTest, TheShippedDigitsAreReadAsImages) {
  config.train = {std::string(TRIREME_SOURCE_DIR) + "/data/digits/digits.csv.gz"};
  config.channels = 1;
  config.height = config.width = 8;
  config.normalize = "unit";
  config.scale = 16;
  config.validation_split = 0.2;
  const auto sets = open_data(config, 42);
  EXPECT_EQ(sets.train->size() + sets.validation->size(), 1797);
  EXPECT_EQ(sets.train->preprocessing().schema.classes, 10);
}

}  // namespace
}  // namespace trireme
