// Inputs as a reader's bytes: normalised later, they are what it gives as floats.

#include <gmock/gmock.h>

#include <numeric>

#include "data/fixture.h"
#include "data/loader.h"
#include "data/normalizer.h"

namespace trireme {
namespace {

class BytesTest : public test::DataTest {
 protected:
  // 12 images of 3 channels, 5 x 4 pixels, in a tar.
  DataConfig images() {
    std::vector<std::pair<std::string, std::string>> files;
    for (int i = 0; i < 12; ++i) {
      std::string pixels(60, '\0');
      for (size_t p = 0; p < pixels.size(); ++p)
        pixels[p] = static_cast<char>(37 * p + static_cast<size_t>(101 * i));
      files.emplace_back(std::to_string(i) + ".png", test::png(5, 4, 3, pixels));
      files.emplace_back(std::to_string(i) + ".cls", std::to_string(i % 3));
    }
    DataConfig c = test::default_config("tar");
    c.train = {file("a.tar", test::tar(files))};
    c.normalize = "standard";
    c.crop_padding = 2;
    c.flip = true;
    return c;
  }
};

// The sample's bytes into `bytes`; its label.
int64_t read_bytes(const DataSource& source, uint64_t id, const SampleKey& key, bool augment,
                   std::vector<uint8_t>& bytes) {
  int64_t label = -1;
  SampleOut out{};
  out.label = &label;
  out.bytes = bytes.data();
  source.read(id, key, augment, out);
  return label;
}

void expect_the_same_when_normalised(const DataSource& source, bool augment) {
  ASSERT_TRUE(source.reads_bytes());
  const Preprocessing& p = source.preprocessing();
  const int64_t elements = p.schema.input.elements();
  const Normalizer normalizer(p.normalization, p.schema.input[0]);
  for (uint64_t id = 0; id < static_cast<uint64_t>(source.size()); ++id) {
    for (uint64_t epoch = 0; epoch < 4; ++epoch) {
      const SampleKey key{epoch, id, id};
      const test::ReadSample read = test::read_sample(source, id, augment, key);
      std::vector<uint8_t> bytes(static_cast<size_t>(elements) + 1, 99);
      std::vector<float> later(static_cast<size_t>(elements));
      EXPECT_EQ(read_bytes(source, id, key, augment, bytes), read.label);
      normalizer.apply(bytes.data(), elements, later.data());
      EXPECT_EQ(later, read.input) << id << ", epoch " << epoch;
      EXPECT_EQ(bytes.back(), 99) << "one past the end";
    }
  }
}

TEST_F(BytesTest, NormalisedLaterAreTheBitsThatReadGives) {
  const DataSets sets = open_data(images(), 1);
  expect_the_same_when_normalised(*sets.train, false);
}

TEST_F(BytesTest, AreCroppedAndMirroredAsFloatsAre) {
  const DataSets sets = open_data(images(), 1);
  expect_the_same_when_normalised(*sets.train, true);
}

TEST_F(BytesTest, ComeFromBothPartsOfASplit) {
  DataConfig c = images();
  c.validation_split = 0.4;
  const DataSets sets = open_data(c, 1);
  expect_the_same_when_normalised(*sets.train, true);
  expect_the_same_when_normalised(*sets.validation, false);
}

// 2 x 2 images in IDX, which stay in memory.
TEST_F(BytesTest, ComeFromDataInMemory) {
  std::string pixels(48, '\0');
  std::iota(pixels.begin(), pixels.end(), '\0');
  DataConfig c = test::default_config("idx");
  c.train = {file("images", test::idx({12, 2, 2}, pixels))};
  c.train_labels = {file("labels", test::idx({12}, std::string(12, '\1')))};
  const DataSets sets = open_data(c, 1);
  expect_the_same_when_normalised(*sets.train, false);
}

TEST_F(BytesTest, AreNotWhatReadersOfFloatsHave) {
  DataConfig c = test::default_config("synthetic");
  c.shape = {5};
  c.classes = 3;
  c.samples = 4;
  EXPECT_FALSE(open_data(c, 1).train->reads_bytes());
}

TEST_F(BytesTest, FillTheLoadersBatchesWhereItIsAskedTo) {
  const DataConfig c = images();
  const DataSets sets = open_data(c, 1);
  const auto order = make_order(c, *sets.train, 1, false);
  LoaderOptions options;
  options.bytes = true;
  Loader loader(
      *sets.train, *order,
      [](int64_t) {
        return std::vector<LeafRequest>{{0, 0, 2, 5}};
      },
      0, 1, 3, options);
  const LeafBatch& batch = loader.get(0, 0);
  ASSERT_EQ(batch.samples, 3);
  for (uint64_t i = 0; i < 3; ++i) {
    std::vector<uint8_t> bytes(60);
    read_bytes(*sets.train, 2 + i, {0, 2 + i, 2 + i}, false, bytes);
    const auto* given = reinterpret_cast<const uint8_t*>(batch.at(BatchField::input)) + 60 * i;
    EXPECT_EQ(std::vector<uint8_t>(given, given + 60), bytes);
  }
}

}  // namespace
}  // namespace trireme
