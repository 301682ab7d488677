// Tar shards, folders of images, decoding and augmentation.

#include "data/augment.h"
#include "data/fixture.h"
#include "data/image_decode.h"
#include "data/tar_index.h"

namespace trireme {
namespace {

using test::error_of;
using testing::ElementsAre;
using testing::HasSubstr;

const std::string kGrey = {'\x00', '\x0a', '\x14', '\x1e'};  // 2x2

class ImagesTest : public test::DataTest {
 protected:
  ImagesTest() : config(test::default_config("tar")) {}
  DataSets open_tar(const std::string& archive) {
    config.train = {file("a.tar", archive)};
    return open_data(config, 1);
  }
  std::string tar_error(const std::string& archive) {
    return error_of([&] { open_tar(archive); });
  }
  DataConfig config;
};

TEST_F(ImagesTest, TarPairsImagesWithTheirClasses) {
  const auto sets = open_tar(test::tar({{"x/1.png", test::png(2, 2, 1, kGrey)},
                                        {"x/1.cls", "1\n"},
                                        {"x/1.json", "{}"},
                                        {"x/2.cls", "0"},
                                        {"x/2.jpg", test::jpeg(2, 2, 1, std::string(4, 100))}}));
  EXPECT_EQ(sets.train->size(), 2);
  EXPECT_EQ(sets.train->preprocessing().schema.input, (Shape{1, 2, 2}));
  EXPECT_THAT(test::read_sample(*sets.train, 0).input, ElementsAre(0, 10, 20, 30));
  EXPECT_EQ(test::read_sample(*sets.train, 0).label, 1);
  EXPECT_THAT(test::read_sample(*sets.train, 1).input, ElementsAre(100, 100, 100, 100));
  EXPECT_TRUE(sets.train->in_memory());
}

TEST_F(ImagesTest, DamagedTarFilesAreErrors) {
  const std::string image = test::png(2, 2, 1, kGrey);
  const std::string good = test::tar({{"1.png", image}, {"1.cls", "1"}});
  EXPECT_THAT(tar_error(good.substr(0, 520)),
              HasSubstr("a.tar is truncated: 1.png at offset 0 has 8 bytes of"));
  EXPECT_THAT(tar_error(good.substr(0, 1124)), HasSubstr("truncated in the header at offset 1024"));
  EXPECT_THAT(tar_error(good.substr(0, 1024)), HasSubstr("truncated in the header at offset 1024"))
      << "between two files, without the empty blocks of an archive's end";
  EXPECT_THAT(tar_error(std::string(600, 'x')), HasSubstr("bad header at offset 0"));
  EXPECT_THAT(tar_error(test::gzip(good)), HasSubstr("a.tar is compressed"));
  EXPECT_THAT(tar_error(test::tar({{"1.png", image}, {"2.cls", "1"}})),
              HasSubstr("1.png has no 1.cls"));
  EXPECT_THAT(tar_error(test::tar({{"1.cls", "1"}})), HasSubstr("1.cls has no image"));
  EXPECT_THAT(tar_error(test::tar({{"1.png", image}, {"1.cls", "1"}, {"1.jpg", image}})),
              HasSubstr("a.tar: 1.png and 1.jpg are both the image of 1"));
  EXPECT_THAT(tar_error(test::tar({{"1.png", image}, {"1.cls", "cat"}})),
              HasSubstr("1.cls holds 'cat', which is not a class number"));
  EXPECT_THAT(tar_error(test::tar({{"readme", "text"}})), HasSubstr("has no KEY.jpg or KEY.png"));
  EXPECT_THAT(tar_error(""), HasSubstr("a.tar is empty"));
}

TEST_F(ImagesTest, DamagedImagesNameTheirKeyAndTheLibrarysReason) {
  const std::string jpeg = test::jpeg(16, 16, 3, std::string(768, 'a')),
                    png = test::png(2, 2, 1, kGrey);
  EXPECT_THAT(tar_error(test::tar({{"k.jpg", jpeg.substr(0, jpeg.size() - 20)}, {"k.cls", "0"}})),
              HasSubstr("a.tar: k.jpg is a damaged JPEG: Premature end of JPEG file"));
  EXPECT_THAT(tar_error(test::tar({{"k.png", png.substr(0, png.size() - 30)}, {"k.cls", "0"}})),
              HasSubstr("a.tar: k.png is a damaged PNG: "));
  EXPECT_THAT(tar_error(test::tar({{"k.jpg", "GIF89a"}, {"k.cls", "0"}})),
              HasSubstr("a.tar: k.jpg is neither JPEG nor PNG (6 bytes)"));
  EXPECT_THAT(tar_error(test::tar({{"k.jpg", test::jpeg(1, 1, 4, "abcd")}, {"k.cls", "0"}})),
              testing::AllOf(HasSubstr("a.tar: k.jpg is a JPEG of four inks (CMYK)"),
                             HasSubstr("convert it to RGB")));
}

TEST_F(ImagesTest, AnImageThatClaimsToBeHugeIsRefusedBeforeMemoryIsTaken) {
  std::string jpeg = test::jpeg(16, 16, 3, std::string(768, 'a'));
  const size_t frame = jpeg.find("\xff\xc0");  // then length, precision, height, width
  jpeg.replace(frame + 5, 4, "\xff\0\xff\0", 4);
  EXPECT_THAT(tar_error(test::tar({{"k.jpg", jpeg}, {"k.cls", "0"}})),
              HasSubstr("k.jpg claims to be 65280x65280 (height x width)"));
  EXPECT_NO_THROW(check_size(1 << 14, 1 << 14, "x"));
}

TEST_F(ImagesTest, ImagesOfAnotherSizeAreErrorsUnlessResized) {
  const std::string archive = test::tar({{"1.png", test::png(2, 2, 1, kGrey)},
                                         {"1.cls", "0"},
                                         {"2.png", test::png(1, 1, 1, "\x28")},
                                         {"2.cls", "1"}});
  EXPECT_THAT(tar_error(archive),
              HasSubstr("2.png is 1x1 (height x width), but the images of this set are 2x2"));
  config.resize = true;
  EXPECT_THAT(test::read_sample(*open_tar(archive).train, 1).input, ElementsAre(40, 40, 40, 40));
}

TEST_F(ImagesTest, ColourIsNotDroppedBecauseTheFirstImageIsGrey) {
  const std::string grey = test::png(1, 1, 1, "\x28"), colour = test::png(1, 1, 3, "abc");
  const auto set = [](const std::string& first, const std::string& second) {
    return test::tar({{"1.png", first}, {"1.cls", "0"}, {"2.png", second}, {"2.cls", "1"}});
  };
  EXPECT_THAT(
      tar_error(set(grey, colour)),
      testing::AllOf(HasSubstr("2.png is in colour, but the first image of the set is grey"),
                     HasSubstr("set data.channels = 3")));
  EXPECT_THAT(test::read_sample(*open_tar(set(colour, grey)).train, 1).input,
              ElementsAre(40, 40, 40));
  config.channels = 1;
  EXPECT_EQ(open_tar(set(grey, colour)).train->size(), 2);
  config.channels = 3;
  EXPECT_THAT(test::read_sample(*open_tar(set(grey, colour)).train, 1).input,
              ElementsAre('a', 'b', 'c'));
}

TEST_F(ImagesTest, PaxAndGnuNamesAreRead) {
  const std::string record = "18 path=long/1.png\n";  // 19 bytes with its own length
  std::string archive = test::tar({{"pax", "19 path=long/1.png\n"}, {"short", "abc"}});
  EXPECT_EQ(record.size(), 19u);
  archive[156] = 'x';
  unsigned sum = 8 * ' ';
  for (size_t i = 0; i < 512; ++i)
    sum += i >= 148 && i < 156 ? 0 : static_cast<unsigned char>(archive[i]);
  std::snprintf(archive.data() + 148, 7, "%06o", sum);
  const auto entries = index_tar(std::as_bytes(std::span(archive)), "a.tar");
  ASSERT_EQ(entries.size(), 1u);
  EXPECT_EQ(entries[0].name, "long/1.png");
  EXPECT_EQ(entries[0].size, 3u);
}

TEST_F(ImagesTest, FoldersAreClassesInSortedOrder) {
  config.reader = "folder";
  file("train/dog/1.png", test::png(2, 2, 1, kGrey));
  file("train/cat/1.png", test::png(2, 2, 1, std::string(4, 7)));
  file("val/dog/1.png", test::png(2, 2, 1, kGrey));
  config.train = {(folder_ / "train").string()};
  config.validation = {(folder_ / "val").string()};
  const auto sets = open_data(config, 1);
  EXPECT_THAT(sets.train->preprocessing().schema.class_names, ElementsAre("cat", "dog"));
  EXPECT_EQ(test::read_sample(*sets.train, 0).label, 0);
  EXPECT_EQ(test::read_sample(*sets.validation, 0).label, 1);
  file("val/dig/1.png", test::png(2, 2, 1, kGrey));
  EXPECT_THAT(error_of([&] { open_data(config, 1); }),
              HasSubstr("val/dig is not a class of the training data (2 classes; nearest: dog)"));
  config.train = {(folder_ / "train/cat").string()};
  EXPECT_THAT(error_of([&] { open_data(config, 1); }),
              HasSubstr("has no folders, one for each class"));
  config.train = {(folder_ / "none").string()};
  EXPECT_THAT(error_of([&] { open_data(config, 1); }), HasSubstr("none is not a folder"));
}

TEST_F(ImagesTest, ALinkToAnImageThatIsGoneIsAnError) {
  std::filesystem::create_directories(folder_ / "root/a");
  file("root/a/1.png", test::png(1, 1, 1, "a"));
  std::filesystem::create_symlink(folder_ / "gone.png", folder_ / "root/a/2.png");
  DataConfig c = test::default_config("folder");
  c.train = {(folder_ / "root").string()};
  EXPECT_THAT(error_of([&] { open_data(c, 1); }), HasSubstr("root/a/2.png: No such file"));
}

TEST_F(ImagesTest, ChannelsAreConvertedAsDeclared) {
  const std::string grey = test::png(1, 1, 1, "\x32");
  const auto bytes = std::as_bytes(std::span(grey));
  EXPECT_THAT(decode_image(bytes, "x", 3).pixels, ElementsAre(50, 50, 50));
  EXPECT_THAT(decode_image(bytes, "x", 0).pixels, ElementsAre(50));
}

TEST_F(ImagesTest, ResizeInterpolatesBetweenPixelCentres) {
  const Image image{1, 2, 1, {0, 100}};
  EXPECT_THAT(resize_bilinear(image, 1, 4).pixels, ElementsAre(0, 25, 75, 100));
  EXPECT_THAT(resize_bilinear(image, 1, 1).pixels, ElementsAre(50));
}

TEST_F(ImagesTest, PlacingShiftsPadsWithRawZerosAndFlips) {
  const std::vector<uint8_t> raw = {10, 20, 30, 40, 50, 60};  // 2x3
  const Normalizer normalizer({{10}, {10}}, 1);
  std::vector<float> out(6);
  place_image(raw.data(), 2, 3, {1, -1, false}, normalizer, out.data());
  EXPECT_THAT(out, ElementsAre(-1, 3, 4, -1, -1, -1));
  place_image(raw.data(), 2, 3, {0, 1, true}, normalizer, out.data());
  EXPECT_THAT(out, ElementsAre(-1, 2, 1, -1, 5, 4));
  place_image(raw.data(), 2, 3, {0, 9, false}, normalizer, out.data());
  EXPECT_THAT(out, testing::Each(-1));
}

TEST_F(ImagesTest, AugmentationDependsOnSeedEpochAndPositionAlone) {
  const Augmentation a{4, true, 9};
  int flips = 0;
  bool reaches_low = false, reaches_high = false, changes = false;
  for (uint64_t p = 0; p < 400; ++p) {
    const Placement one = draw_placement(a, {1, p, 5}), same = draw_placement(a, {1, p, 77});
    const Placement later = draw_placement(a, {2, p, 5});
    EXPECT_EQ(one.x, same.x);
    EXPECT_EQ(one.y, same.y);
    EXPECT_EQ(one.flip, same.flip);
    EXPECT_LE(std::abs(one.x), 4);
    EXPECT_LE(std::abs(one.y), 4);
    flips += one.flip;
    reaches_low |= one.x == -4;
    reaches_high |= one.y == 4;
    changes |= one.x != later.x;
  }
  EXPECT_NEAR(flips, 200, 50);
  EXPECT_TRUE(reaches_low && reaches_high && changes);
}

TEST_F(ImagesTest, CifarIsReadWhereItIsAtHand) {
  const Path shard = Path(TRIREME_SOURCE_DIR) / "../shared/data/cifar10/cifar10-test-000000.tar";
  if (!std::filesystem::exists(shard)) GTEST_SKIP() << "no CIFAR-10 at " << shard;
  config.train = {shard.string()};
  const auto sets = open_data(config, 1);
  EXPECT_EQ(sets.train->size(), 10000);
  EXPECT_EQ(sets.train->preprocessing().schema.input, (Shape{3, 32, 32}));
  EXPECT_EQ(sets.train->preprocessing().schema.classes, 10);
}

}  // namespace
}  // namespace trireme
