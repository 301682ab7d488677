// Rows that are read block by block are the rows that memory would hold.

#include "data/csv_blocks.h"

#include <fmt/format.h>

#include <fstream>
#include <thread>

#include "data/block_cache.h"
#include "data/fixture.h"
#include "data/loader.h"

namespace trireme {
namespace {

using test::error_of;
using test::read_sample;
using testing::AllOf;
using testing::HasSubstr;

class CsvBlocksTest : public test::DataTest {
 protected:
  CsvBlocksTest() : config(test::default_config("csv")) {
    config.normalize = "standard";
    config.categorical = {"c"};
    config.ids = {"k"};
    config.log = {"x"};
    config.weight = "w";
    config.train = {file("a.csv", rows(0, 23)), file("b.csv", rows(23, 30)),
                    file("c.csv", rows(30, 31))};
  }
  // Lines of every kind: quoted cells with line ends, gaps, both line ends, empty lines.
  static std::string rows(int begin, int end) {
    std::string text = "x,y,c,k,w,label\n";
    for (int i = begin; i < end; ++i) {
      const std::string x = i % 7 == 3 ? "" : std::to_string(i * i % 11);
      const std::string k = i % 4 == 0 ? "\"two\nlines, " + std::to_string(i % 3) + "\""
                                       : "k" + std::to_string(i % 5);
      text += fmt::format("{},{}.5,{},{},{},{}{}", x, i, i % 3, k, i % 2 + 0.5, i % 4 % 3,
                          i % 5 == 0 ? "\r\n" : "\n");
      if (i % 6 == 0) text += "\n";
    }
    return text;
  }
  DataSets open(const std::string& in_memory) {
    config.in_memory = in_memory;
    return open_data(config, 3);
  }
  void expect_equal(const DataSource& a, const DataSource& b) {
    ASSERT_EQ(a.size(), b.size());
    EXPECT_EQ(a.preprocessing().to_json(), b.preprocessing().to_json());
    EXPECT_EQ(a.fingerprint(), b.fingerprint());
    for (uint64_t i = 0; i < static_cast<uint64_t>(a.size()); ++i) {
      const auto s = read_sample(a, i), t = read_sample(b, i);
      EXPECT_EQ(s.input, t.input) << i;
      EXPECT_EQ(s.ids, t.ids) << i;
      EXPECT_EQ(s.label, t.label) << i;
      EXPECT_EQ(s.target, t.target) << i;
      EXPECT_EQ(s.weight, t.weight) << i;
      if (a.preprocessing().schema.classes > 0) {
        EXPECT_EQ(a.label(i), b.label(i)) << i;
      }
    }
  }
  DataConfig config;
};

TEST_F(CsvBlocksTest, EqualWhatIsInMemoryBitForBit) {
  for (const char* from : {"hash", "vocabulary"}) {
    for (const int64_t block : {1, 4, 100}) {
      SCOPED_TRACE(fmt::format("{}, blocks of {}", from, block));
      config.ids_from = from;
      config.block_size = block;
      const auto memory = open("true"), blocks = open("false");
      EXPECT_TRUE(memory.train->in_memory());
      EXPECT_FALSE(blocks.train->in_memory());
      EXPECT_EQ(blocks.train->size(), 31);
      expect_equal(*memory.train, *blocks.train);
    }
  }
}

TEST_F(CsvBlocksTest, EqualItWithRealTargetsAndASplitOrFilesOfValidation) {
  config.validation_split = 0.3;
  auto memory = open("true"), blocks = open("false");
  expect_equal(*memory.train, *blocks.train);
  expect_equal(*memory.validation, *blocks.validation);
  config.validation_split = 0;
  config.validation = {config.train[1]};
  config.target = "value";
  config.label = "y";
  memory = open("true"), blocks = open("false");
  EXPECT_EQ(blocks.train->preprocessing().schema.classes, 0);
  expect_equal(*memory.train, *blocks.train);
  expect_equal(*memory.validation, *blocks.validation);
}

TEST_F(CsvBlocksTest, AreReadByManyThreadsAtOnce) {
  config.block_size = 2;
  const auto memory = open("true"), blocks = open("false");
  std::vector<std::jthread> threads;
  std::atomic<int> wrong{0};
  for (uint64_t t = 0; t < 4; ++t)
    threads.emplace_back([&, t] {
      for (uint64_t k = 0; k < 500; ++k) {
        const uint64_t id = (k * 7 + t * 11) % 31;
        const auto a = read_sample(*memory.train, id), b = read_sample(*blocks.train, id);
        if (a.input != b.input || a.ids != b.ids) ++wrong;
      }
    });
  threads.clear();
  EXPECT_EQ(wrong, 0);
}

TEST_F(CsvBlocksTest, FeedALoaderInBlockOrder) {
  config.block_size = 3;
  config.order = "block";
  const auto blocks = open("false");
  const auto order = make_order(config, *blocks.train, 1, true);
  const auto plan = [](int64_t) { return std::vector<LeafRequest>{{0, 2, 0, 31}}; };
  LoaderOptions options;
  options.threads = 2;
  Loader loader(*blocks.train, *order, plan, 0, 1, 31, options);
  const LeafBatch& batch = loader.get(0, 0);
  std::vector<bool> seen(31);
  for (int64_t i = 0; i < 31; ++i) {
    const auto id = batch.keys[i].id;
    seen[id] = true;
    EXPECT_EQ(reinterpret_cast<const int64_t*>(batch.at(BatchField::ids))[i],
              read_sample(*blocks.train, id).ids[0]);
  }
  EXPECT_EQ(std::count(seen.begin(), seen.end(), true), 31);
}

TEST_F(CsvBlocksTest, RecordsDoNotDependOnWhereTheWindowsEnd) {
  const Path path = config.train[0];
  const auto records = [&](const CsvFile& csv) {
    std::vector<std::string> all;
    csv.for_each([&](const CsvReader& reader) {
      all.push_back(fmt::format("{}@{}:", reader.line(), reader.record().offset));
      for (auto cell : reader.cells()) all.back() += fmt::format("[{}]", cell);
    });
    return all;
  };
  const auto expected = records(CsvFile(path, ',', true));
  EXPECT_EQ(expected.size(), 24u);
  for (uint64_t window = 1; window < 70; ++window)
    ASSERT_EQ(records(CsvFile(path, ',', false, window)), expected) << window;
}

TEST_F(CsvBlocksTest, ErrorsNameTheSameLineAsInMemory) {
  for (const char* bad : {"1,2,c,k,1\n", "one,2,c,k,1,0\n", "1,2,c,k,-1,0\n", "1,2,c,k,1,\n",
                          "1,2,\"c,k,1,0\n", "1,2,\"c\"x,k,1,0\n"}) {
    config.train[1] = file("bad.csv", rows(0, 5) + bad);
    const std::string memory = error_of([&] { open("true"); });
    EXPECT_THAT(memory, HasSubstr("bad.csv:"));
    EXPECT_EQ(error_of([&] { open("false"); }), memory);
  }
  config.train = {file("empty.csv", "")};
  EXPECT_THAT(error_of([&] { open("false"); }), HasSubstr("empty.csv is empty"));
  config.train = {file("header.csv", "x,y,c,k,w,label\n")};
  EXPECT_THAT(error_of([&] { open("false"); }), HasSubstr("has no rows after its header"));
}

TEST_F(CsvBlocksTest, AreNotMadeOfGzipOrImages) {
  config.train = {file("a.csv.gz", test::gzip(rows(0, 9)))};
  EXPECT_TRUE(open("auto").train->in_memory());
  EXPECT_THAT(error_of([&] { open("false"); }),
              AllOf(HasSubstr("a.csv.gz is gzip, which cannot be read block by block"),
                    HasSubstr("gunzip"), HasSubstr("data.in_memory = true")));
  config.train = {file("a.csv", rows(0, 9))};
  EXPECT_TRUE(open("auto").train->in_memory());
  config.channels = config.height = config.width = 1;
  EXPECT_THAT(error_of([&] { open("false"); }), HasSubstr("columns become images"));
}

TEST_F(CsvBlocksTest, OfAFileThatChangedMeanwhileAreAnError) {
  config.normalize = "none";  // nothing is read before it is asked for
  config.train = {file("a.csv", rows(0, 23))};
  config.block_size = 5;
  const auto cut = open("false");
  file("a.csv", rows(0, 9));
  EXPECT_THAT(error_of([&] { read_sample(*cut.train, 22); }),
              AllOf(HasSubstr("a.csv: bytes"), HasSubstr("is another program writing it?")));
  file("a.csv", rows(0, 23));
  EXPECT_EQ(read_sample(*cut.train, 22).label, 22 % 4 % 3);  // the failure is not kept
  const auto altered = open("false");
  std::string text = rows(0, 23);
  for (size_t at = 0; (at = text.find(",1\n", at)) != std::string::npos; ++at) text[at + 1] = '9';
  file("a.csv", text);
  EXPECT_THAT(error_of([&] { read_sample(*altered.train, 1); }),
              HasSubstr("label 9 was not there when the file was opened"));
}

TEST_F(CsvBlocksTest, CriteoIsReadWhereItIsAtHand) {
  const Path folder = Path(TRIREME_SOURCE_DIR) / "../shared/data/criteo";
  if (!std::filesystem::exists(folder)) GTEST_SKIP() << "no Criteo at " << folder;
  config = test::default_config("csv");
  config.train = {(folder / "train.tiny.csv").string()};
  config.validation = {(folder / "test.tiny.csv").string()};
  config.label = "Label";
  config.ignore = {"Id"};
  config.ids = {"C1-C26"};
  config.log = {"I1-I13"};
  config.normalize = "standard";
  config.block_size = 256;
  const auto memory = open("true"), blocks = open("false");
  EXPECT_EQ(memory.train->preprocessing().schema.input, Shape{13});
  EXPECT_EQ(memory.train->preprocessing().schema.id_features, 26);
  EXPECT_EQ(memory.train->preprocessing().schema.classes, 2);
  expect_equal(*memory.train, *blocks.train);
  expect_equal(*memory.validation, *blocks.validation);
}

TEST(BlockCache, KeepsTheMostRecentBlocksAndForgetsFailures) {
  int made = 0;
  BlockCache<int> cache(2, [&](size_t i) {
    ++made;
    if (i == 9 && made < 10) throw DataError("nine");
    return std::make_shared<const int>(static_cast<int>(i));
  });
  for (size_t i : {0u, 1u, 0u, 2u, 0u}) EXPECT_EQ(*cache.get(i), static_cast<int>(i));
  EXPECT_EQ(made, 3);
  EXPECT_EQ(*cache.get(1), 1);  // the least recent one when 2 came
  EXPECT_EQ(made, 4);
  EXPECT_THROW(cache.get(9), DataError);
  EXPECT_THROW(cache.get(9), DataError);
  made = 10;
  EXPECT_EQ(*cache.get(9), 9);
}

}  // namespace
}  // namespace trireme
