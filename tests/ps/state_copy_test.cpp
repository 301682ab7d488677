// A copy of a server's rows as of one moment, while steps change, make and take away rows.
#include "ps/state_copy.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <set>

#include "base/error.h"
#include "ps/cluster.h"
#include "ps/copied_stream.h"

namespace trireme::ps {
namespace {

// With what a table does: only grow, or also count candidates, expire and evict.
std::vector<LifeSpec> lives() {
  constexpr int64_t kBudget = 200 << 10;
  return {{},
          {.expire_after = 6},
          {.budget = kBudget, .evict = RowOrder::By::updates},
          {.admit_after = 2, .expire_after = 9, .budget = kBudget}};
}

TEST(TableCopy, HoldsTheRowsOfItsMomentWhateverBecomesOfThem) {
  for (const LifeSpec& life : lives())
    for (uint64_t seed = 1; seed <= 5; ++seed) {
      Stream stream(life, seed);
      for (int i = 0; i < 25; ++i) stream.step();
      const std::vector<RowTable*> tables = stream.store().parts();
      ASSERT_EQ(tables.size(), life.admit_after > 1 ? 4u : 2u);
      MemoryWriter writer(tables, seed);
      for (int copies = 0; copies < 2; ++copies) {
        std::vector<std::vector<Image>> then;
        for (const RowTable* table : tables) then.push_back(rows_of(*table));
        const auto copy = stream.copy(writer);
        int64_t steps = 0;
        while (!copy->done()) {
          if (stream.draw() % 4 == 0)
            copy->advance();
          else if (++steps)
            stream.step();
        }
        EXPECT_GT(steps, 3);
        EXPECT_FALSE(copy->advance());
        EXPECT_TRUE(writer.ended);
        for (size_t part = 0; part < tables.size(); ++part) {
          ASSERT_GT(then[part].size(), 100u) << "the test sees too little";
          EXPECT_EQ(writer.expected[part], static_cast<int64_t>(then[part].size()));
          ASSERT_TRUE(writer.rows[part] == then[part]) << "seed " << seed << " part " << part;
          ASSERT_FALSE(rows_of(*tables[part]) == then[part]) << "nothing has changed";
        }
      }
    }
}

TEST(TableCopy, OfEmptyTablesEnds) {
  Stream stream({}, 1);
  MemoryWriter writer(stream.store().parts());
  const auto copy = stream.copy(writer);
  for (int i = 0; i < 100 && !copy->done(); ++i) copy->advance();
  EXPECT_TRUE(writer.ended);
  EXPECT_EQ(writer.rows, (std::vector<std::vector<Image>>(2)));
}

TEST(FrozenRows, KeepImagesOfWhatChangesBeforeItIsLetGo) {
  RowTable table({"t", 2, {Init::constant, 5, 0}}, {}, 1);
  std::vector<int64_t> keys(100);
  for (size_t i = 0; i < keys.size(); ++i) keys[i] = static_cast<int64_t>(i);
  std::vector<RowId> rows(keys.size());
  table.find_or_create(keys, rows);
  FrozenRows frozen(table);
  frozen.let_go(rows[0]);
  const std::vector<RowId> changed = {rows[0], rows[1], rows[2], kNoRow};
  table.will_change(changed);
  *table.weights(rows[1]) = 6;
  table.will_change(changed);  // the first image counts
  EXPECT_EQ(frozen.kept(), 2);
  EXPECT_EQ(*reinterpret_cast<const float*>(frozen.image(rows[1]) + sizeof(RowHeader)), 5);

  table.erase(rows[3]);
  const RowId again = table.make(1000);
  EXPECT_EQ(again, rows[3]);
  EXPECT_EQ(frozen.header(rows[3]).key, 3);
  EXPECT_TRUE(frozen.header(rows[3]).live());
  table.will_change(std::span(&again, 1));
  const RowId newer = table.make(1001);  // was not there
  table.will_change(std::span(&newer, 1));
  EXPECT_EQ(frozen.kept(), 3);
  EXPECT_EQ(frozen.size(), 100);
}

TEST(FrozenRows, KnowWhichRowsWereErasedBefore) {
  RowTable table({"t", 2, {}}, {}, 1);
  const RowId row = table.make(1), other = table.make(2);
  table.erase(row);
  FrozenRows frozen(table);
  EXPECT_EQ(table.make(3), row);
  EXPECT_FALSE(frozen.header(row).live());
  EXPECT_TRUE(frozen.header(other).live());
  EXPECT_EQ(frozen.size(), 1);
}

// A server's blocks, whose moments go by momentum: 1, 1.5, 1.75, ... where each gradient is 1.
class BlockCopies : public testing::Test {
 protected:
  BlockCopies() {
    OptimizerConfig config = sgd();
    config.momentum = 0.5;
    optimizer_ = std::make_unique<Optimizer>(config);
    Slot slot;
    slot.name = "w";
    slot.logical = {5 * kChunk};
    params_ = ParamTable({slot});
    store_ =
        std::make_unique<DenseStore>(cpu_kernels(), *optimizer_, params_, placement_, 1, false);
  }
  void step() {
    const std::vector<float> ones(kChunk, 1);
    OptimizerScalars scalars{};
    scalars.lr = scalars.grad_scale = 1;
    scalars.step = ++steps_;
    for (const int block : mine()) store_->apply(block, ones.data(), scalars);
  }
  const std::vector<int>& mine() const { return placement_.blocks_of(1); }

  // Keeps the first moment of each block.
  class Writer final : public StateWriter {
   public:
    bool sees(const std::string&) override { return true; }
    void begin(const std::string&, const std::vector<int64_t>&) override {}
    bool has_room() override { return room; }
    void take(int block, std::unique_ptr<float[]> m) override {
      for (int64_t i = 1; i < kChunk; ++i) ASSERT_EQ(m[static_cast<size_t>(i)], m[0]);
      taken.emplace_back(block, m[0]);
    }
    void sort(Keys) override {}
    std::optional<Keys> sorted() override { return std::nullopt; }
    void take(size_t, int64_t, std::unique_ptr<std::byte[]>) override {}
    void end() override { ended = true; }
    FileProgress saved() override { return {}; }
    bool room = true, ended = false;
    std::vector<std::pair<int, float>> taken;
  };

  ParamTable params_;
  const Placement placement_{5 * kChunk, 2, kChunk};
  std::unique_ptr<Optimizer> optimizer_;
  std::unique_ptr<DenseStore> store_;
  int64_t steps_ = 0;
};

TEST_F(BlockCopies, HoldTheMomentsOfTheirMomentWhicheverBlockChangesFirst) {
  step();
  step();
  ASSERT_EQ(mine().size(), 2u);
  const std::vector<int> backwards(mine().rbegin(), mine().rend());
  Writer writer;
  {
    StateCopy copy(*store_, backwards, {}, writer, "here");
    EXPECT_TRUE(copy.advance());
    step();  // the other block, which is given before it changes
    step();
    while (copy.advance()) {
    }
    EXPECT_TRUE(copy.done());
  }
  EXPECT_TRUE(writer.ended);
  EXPECT_EQ(writer.taken,
            (std::vector<std::pair<int, float>>{{mine()[1], 1.5f}, {mine()[0], 1.5f}}));
  EXPECT_GT(store_->values(mine()[0], kFirstMoment)[0], 1.8f);
  step();  // nobody watches any more
}

TEST_F(BlockCopies, WaitForAWriterThatIsBehindButForChanges) {
  Writer writer;
  writer.room = false;
  StateCopy copy(*store_, mine(), {}, writer, "here");
  EXPECT_FALSE(copy.advance());
  step();
  EXPECT_EQ(writer.taken, (std::vector<std::pair<int, float>>{{mine()[0], 0.f}, {mine()[1], 0.f}}));
  EXPECT_TRUE(copy.advance());
  EXPECT_TRUE(writer.ended);
}

// Through a server's messages.
class ServersFiles : public testing::Test {
 protected:
  ServersFiles() {
    ClusterSpec spec;
    spec.workers = 2;
    spec.servers = spec.shards = spec.tables = 1;
    spec.elements = 128;
    cluster_ = std::make_unique<Cluster>(spec);
  }
  ServerCore& server() { return cluster_->server(0); }
  Header ask(Kind kind, const std::string& place = "", uint32_t flags = 0, int worker = 0,
             uint32_t buffer = 0) {
    Message m;
    m.from = worker;
    m.to = 2;
    m.header.kind = static_cast<uint16_t>(kind);
    m.header.worker = worker;
    m.header.server = 0;
    m.header.flags = flags;
    m.header.buffer = buffer;
    m.header.sequence = ++sequence_[worker];
    m.payload = std::as_bytes(std::span(place));
    seal(m);
    server().on_message(std::move(m), 1);
    Message answer;
    EXPECT_TRUE(server().poll(answer));
    payload_.assign(answer.payload.begin(), answer.payload.end());
    return answer.header;
  }
  FileProgress ask_progress(uint32_t what) {
    ask(Kind::fetch_progress, "", 0, 0, what);
    FileProgress progress;
    EXPECT_EQ(payload_.size(), sizeof progress);
    std::memcpy(&progress, payload_.data(), sizeof progress);
    return progress;
  }
  std::unique_ptr<Cluster> cluster_;
  uint64_t sequence_[2] = {0, 0};
  std::vector<std::byte> payload_;
};

TEST_F(ServersFiles, NeedAWriterThatSeesThePlace) {
  EXPECT_EQ(ask(Kind::save, "here").version, 0);
  EXPECT_THROW(ask(Kind::fetch_progress), FormatError);
  MemoryWriter writer({});
  server().save_with(&writer);
  EXPECT_EQ(ask(Kind::save, "there").version, 0);
  EXPECT_EQ(ask(Kind::save, "here", kLookOnly).version, 1);
  EXPECT_THROW(ask(Kind::fetch_progress), FormatError);
  EXPECT_THROW(ask(Kind::save, "here", 0, 1), FormatError);
}

TEST_F(ServersFiles, GoOnBetweenMessagesAndSayHowFarTheyAre) {
  MemoryWriter writer({});
  server().save_with(&writer);
  EXPECT_FALSE(server().advance_files());
  EXPECT_EQ(ask(Kind::save, "here").version, 1);
  EXPECT_EQ(payload_.size(), sizeof(int64_t));
  EXPECT_TRUE(writer.blocks.empty()) << "the optimizer has no moments";
  EXPECT_THROW(ask(Kind::save, "here"), FormatError) << "the one before is under way";
  for (int i = 0; i < 100; ++i) server().advance_files();
  EXPECT_TRUE(writer.ended);
  const FileProgress saved = ask_progress(kSaving);
  EXPECT_EQ(saved.done, 1);
  EXPECT_EQ(saved.bytes, 5u);
  EXPECT_EQ(ask(Kind::save, "here").version, 1);
}

// Everything is 7 in a checkpoint that is there; of rows there are two pieces.
class SevenReader final : public StateReader {
 public:
  bool sees(const std::string& place) override { return place == "there"; }
  void begin(const std::string&) override {}
  void read(uint32_t buffer, Range range, float* out) override {
    EXPECT_EQ(buffer, kWeights);
    std::fill_n(out, range.size(), 7.0f);
  }
  std::optional<Rows> next() override {
    if (pieces_ == 0) return std::nullopt;
    RowTable table({"t", 3, {}}, {}, 1);
    const RowId row = table.make(--pieces_);
    *table.weights(row) = 7;
    const auto* image = reinterpret_cast<const std::byte*>(&table.header(row));
    piece_.assign(image, image + table.row_bytes());
    return Rows{0, Part::rows, piece_};
  }
  void end() override { ended = true; }
  bool ended = false;

 private:
  int64_t pieces_ = 2;
  std::vector<std::byte> piece_;
};

TEST_F(ServersFiles, AreAllTakenFromAReaderBetweenMessages) {
  EXPECT_EQ(ask(Kind::restore, "there").version, 0) << "nobody reads";
  SevenReader reader;
  server().restore_with(&reader);
  EXPECT_EQ(ask(Kind::restore, "elsewhere").version, 0);
  EXPECT_THROW(ask(Kind::restore, "there", 0, 1), FormatError);
  EXPECT_EQ(ask(Kind::restore, "there", kLookOnly).version, 1);
  EXPECT_THROW(ask_progress(kRestoring), FormatError);
  EXPECT_EQ(ask(Kind::restore, "there").version, 1);
  EXPECT_THROW(ask(Kind::restore, "there"), FormatError) << "once";
  EXPECT_EQ(ask_progress(kRestoring).done, 0);
  while (server().advance_files()) {
  }
  EXPECT_TRUE(reader.ended);
  const FileProgress progress = ask_progress(kRestoring);
  EXPECT_EQ(progress.done, 1);
  EXPECT_GE(progress.progress, 3);
  for (const float w : server().store().values(0, kWeights)) ASSERT_EQ(w, 7);
  EXPECT_EQ(server().tables().rows(0).size(), 2);
}

}  // namespace
}  // namespace trireme::ps
