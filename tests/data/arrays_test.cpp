// IDX and npy files.

#include <gmock/gmock.h>

#include <cmath>

#include "data/fixture.h"

namespace trireme {
namespace {

using test::error_of;
using testing::ElementsAre;
using testing::HasSubstr;

class ArraysTest : public test::DataTest {
 protected:
  std::string idx_error(const std::string& images, const std::string& labels) {
    DataConfig c = test::default_config("idx");
    c.train = {file("images", images)};
    c.train_labels = {file("labels", labels)};
    return error_of([&] { open_data(c, 1); });
  }
  DataConfig npy_config(const std::string& x, const std::string& y) {
    DataConfig c = test::default_config("npy");
    c.train = {file("x.npy", x)};
    c.train_labels = {file("y.npy", y)};
    return c;
  }
  std::string npy_error(const std::string& x, const std::string& y) {
    const DataConfig c = npy_config(x, y);
    return error_of([&] { open_data(c, 1); });
  }
  const std::string two_labels = test::npy("<i8", "(2,)", test::raw_bytes<int64_t>({0, 1}));
};

TEST_F(ArraysTest, IdxReadsImagesPlainAndGzip) {
  DataConfig c = test::default_config("idx");
  const std::string images = test::idx({2, 1, 2}, {'\x00', '\x33', '\x66', '\xff'});
  c.train = {file("a", images), file("b.gz", test::gzip(images))};
  c.train_labels = {file("al", test::idx({2}, {'\x00', '\x01'})),
                    file("bl", test::idx({2}, {'\x02', '\x01'}))};
  c.normalize = "unit";
  const auto sets = open_data(c, 1);
  EXPECT_EQ(sets.train->size(), 4);
  EXPECT_EQ(sets.train->preprocessing().schema.input, (Shape{1, 1, 2}));
  EXPECT_EQ(sets.train->preprocessing().schema.classes, 3);
  EXPECT_THAT(test::read_sample(*sets.train, 3).input,
              testing::Pointwise(testing::FloatEq(), {0.4f, 1.0f}));
  EXPECT_EQ(test::read_sample(*sets.train, 2).label, 2);
}

TEST_F(ArraysTest, StandardStatisticsOfBytesAreExact) {
  DataConfig c = test::default_config("idx");
  c.train = {file("a", test::idx({2, 1, 2}, {'\x00', '\x02', '\x04', '\x06'}))};
  c.train_labels = {file("al", test::idx({2}, {'\x00', '\x01'}))};
  c.normalize = "standard";
  const auto n = open_data(c, 1).train->preprocessing().normalization;
  EXPECT_THAT(n.mean, ElementsAre(3));
  EXPECT_THAT(n.std, ElementsAre(std::sqrt(5.0)));
}

TEST_F(ArraysTest, GivenStatisticsAreOfPixelsFromZeroToOneAndTheirLengthsMustFit) {
  DataConfig c = test::default_config("idx");
  c.train = {file("a", test::idx({1, 1, 1}, "\x66"))};  // 102 = 0.4 of 255
  c.train_labels = {file("al", test::idx({1}, std::string(1, '\0')))};
  c.normalize = "given";
  c.mean = {0.2};
  c.std = {0.5};
  EXPECT_THAT(test::read_sample(*open_data(c, 1).train, 0).input,
              ElementsAre(testing::FloatEq(0.4f)));
  c.scale = 1;
  c.mean = {100};
  c.std = {0.5};
  EXPECT_THAT(test::read_sample(*open_data(c, 1).train, 0).input, ElementsAre(4));
  testing::internal::CaptureStderr();
  c.scale = 0;
  c.std = {80};
  open_data(c, 1);
  EXPECT_THAT(testing::internal::GetCapturedStderr(), HasSubstr("set data.scale = 1"));
  c.std = {1, 2};
  EXPECT_THAT(error_of([&] { open_data(c, 1); }),
              HasSubstr("data.std has 2 values, but the data has 1 channels or columns"));
  c.std = {0};
  EXPECT_THAT(error_of([&] { open_data(c, 1); }), HasSubstr("data.std has 0; it must be above 0"));
}

TEST_F(ArraysTest, DamagedIdxFilesAreErrors) {
  const std::string good = test::idx({1, 1, 2}, "ab"), label = test::idx({1}, std::string(1, '\0'));
  EXPECT_THAT(idx_error("junk", label), HasSubstr("images is not an IDX file"));
  std::string other_type = good;
  other_type[2] = 0x0d;
  EXPECT_THAT(idx_error(other_type, label), HasSubstr("values of type 0x0d"));
  EXPECT_THAT(idx_error(label, good), HasSubstr("has 1 dimensions, but images have 3"));
  EXPECT_THAT(idx_error(good.substr(0, 9), label),
              HasSubstr("ends at offset 9, inside of its header"));
  EXPECT_THAT(idx_error(test::idx({1, 0, 2}, ""), label),
              HasSubstr("has samples without values: 1x0x2"));
  EXPECT_THAT(idx_error(good.substr(0, 17), label),
              HasSubstr("has 1 bytes of values, but its header says 2 (1x1x2)"));
  EXPECT_THAT(idx_error(test::idx({2, 1, 1}, "ab"), label),
              testing::ContainsRegex("images has 2 images, but .*labels has 1 labels"));
  EXPECT_THAT(idx_error("", label), HasSubstr("images is empty"));
  EXPECT_THAT(idx_error(test::gzip(good).substr(0, 20), label),
              HasSubstr("is not a whole gzip file"));
}

TEST_F(ArraysTest, IdxLabelsBeyondTheDeclaredClassesNameTheSample) {
  DataConfig c = test::default_config("idx");
  c.train = {file("a", test::idx({2, 1, 1}, "ab"))};
  c.train_labels = {file("al", test::idx({2}, {'\x00', '\x05'}))};
  c.classes = 3;
  EXPECT_THAT(
      error_of([&] { open_data(c, 1); }),
      HasSubstr("sample 1 of the training data has label 5, but there are 3 classes (0 to 2)"));
  c.classes = 0;
  c.channels = 3;
  EXPECT_THAT(error_of([&] { open_data(c, 1); }),
              HasSubstr("data.channels is 3, but the images are 1x1x1"));
  c.train_labels.clear();
  EXPECT_THAT(error_of([&] { open_data(c, 1); }),
              HasSubstr("1 files of images, but 0 files of labels"));
}

TEST_F(ArraysTest, NpyLabelsThatNoModelHasClassesForNameTheSample) {
  DataConfig c = test::default_config("npy");
  c.train = {file("x.npy", test::npy("|u1", "(2, 1)", "ab"))};
  c.train_labels = {
      file("y.npy", test::npy("<i8", "(2,)", test::raw_bytes<int64_t>({0, int64_t{1} << 40})))};
  EXPECT_THAT(error_of([&] { open_data(c, 1); }),
              HasSubstr("sample 1 of the training data has label 1099511627776; classes are "
                        "numbers from 0, below 16777216"));
}

TEST_F(ArraysTest, NpyReadsEveryTypeAndVersion) {
  const std::vector<std::pair<std::string, std::string>> files = {
      {"<f4", test::raw_bytes<float>({1, 2, 3, 4})},
      {"<f8", test::raw_bytes<double>({1, 2, 3, 4})},
      {"|u1", test::raw_bytes<uint8_t>({1, 2, 3, 4})},
      {"<i4", test::raw_bytes<int32_t>({1, 2, 3, 4})},
      {"<i8", test::raw_bytes<int64_t>({1, 2, 3, 4})}};
  int version = 1;
  for (const auto& [descr, values] : files) {
    const auto sets =
        open_data(npy_config(test::npy(descr, "(2, 2)", values, version % 3 + 1), two_labels), 1);
    EXPECT_THAT(test::read_sample(*sets.train, 1).input, ElementsAre(3, 4)) << descr;
    ++version;
  }
}

TEST_F(ArraysTest, NpyImagesBecomeChannelsLast) {
  const auto x = test::npy("|u1", "(1, 2, 1, 2)", test::raw_bytes<uint8_t>({1, 2, 3, 4}));
  const auto sets =
      open_data(npy_config(x, test::npy("<i4", "(1,)", test::raw_bytes<int32_t>({0}))), 1);
  EXPECT_EQ(sets.train->preprocessing().schema.input, (Shape{2, 1, 2}));
  EXPECT_THAT(test::read_sample(*sets.train, 0).input, ElementsAre(1, 3, 2, 4));
}

TEST_F(ArraysTest, NpyTargetsMayHaveSeveralValues) {
  auto c = npy_config(test::npy("<f4", "(1, 1)", test::raw_bytes<float>({7})),
                      test::npy("<f8", "(1, 2)", test::raw_bytes<double>({0.5, 1.5})));
  EXPECT_THAT(error_of([&] { open_data(c, 1); }), HasSubstr("class labels have one dimension"));
  c.target = "value";
  const auto sets = open_data(c, 1);
  EXPECT_EQ(sets.train->preprocessing().schema.target_width, 2);
  EXPECT_THAT(test::read_sample(*sets.train, 0).target, ElementsAre(0.5, 1.5));
}

TEST_F(ArraysTest, DamagedNpyFilesAreErrors) {
  const std::string values = test::raw_bytes<float>({1, 2});
  EXPECT_THAT(npy_error("not a NumPy file", two_labels), HasSubstr("x.npy is not an npy file"));
  EXPECT_THAT(npy_error(test::npy("<f4", "(2,)", values, 9), two_labels),
              HasSubstr("npy version 9; 1 to 3"));
  EXPECT_THAT(npy_error(test::npy("<f4", "(2, 1)", values, 1, "True"), two_labels),
              HasSubstr("Fortran order"));
  EXPECT_THAT(npy_error(test::npy(">f4", "(2,)", values), two_labels),
              HasSubstr("values of type '>f4'"));
  EXPECT_THAT(npy_error(test::npy("<f4", "(3,)", values), two_labels),
              HasSubstr("has 8 bytes of values, but its header says 12"));
  EXPECT_THAT(npy_error(test::npy("<f8", "(2305843009213693952,)", ""), two_labels),
              HasSubstr("has 0 bytes of values, but its header says far more"));
  EXPECT_THAT(npy_error(test::npy("<f4", "(2, 0)", ""), two_labels),
              HasSubstr("has samples without values: 0"));
  EXPECT_THAT(npy_error(test::npy("<f4", "(2,)", values).substr(0, 30), two_labels),
              HasSubstr("ends at offset 30, inside of its header"));
  EXPECT_THAT(npy_error(test::npy("<f4", "(1,)", test::raw_bytes<float>({1})), two_labels),
              testing::ContainsRegex("x.npy has 1 samples, but .*y.npy has 2 labels"));
  EXPECT_THAT(npy_error(test::npy("<f4", "(2,)", test::raw_bytes<float>({1, NAN})), two_labels),
              HasSubstr("sample 1 holds nan, which is not a finite number"));
  EXPECT_THAT(npy_error(test::npy("<f4", "(2,)", values), test::npy("<f4", "(2,)", values)),
              HasSubstr("labels of type float32; classes are integers"));
  EXPECT_THAT(npy_error(test::npy("<f4", "(2,)", values), test::npy("<i2", "(2,)", "abcd")),
              testing::AllOf(HasSubstr("values of type '<i2'"), HasSubstr("labels as 'int64'")));
}

TEST_F(ArraysTest, MnistIsReadWhereItIsAtHand) {
  const Path root = Path(TRIREME_SOURCE_DIR) / "../shared/data/mnist";
  if (!std::filesystem::exists(root)) GTEST_SKIP() << "no MNIST at " << root;
  DataConfig c = test::default_config("idx");
  c.train = {(root / "t10k-images-idx3-ubyte.gz").string()};
  c.train_labels = {(root / "t10k-labels-idx1-ubyte.gz").string()};
  const auto sets = open_data(c, 1);
  EXPECT_EQ(sets.train->size(), 10000);
  EXPECT_EQ(sets.train->preprocessing().schema.classes, 10);
  EXPECT_EQ(test::read_sample(*sets.train, 0).label, 7);
}

}  // namespace
}  // namespace trireme
