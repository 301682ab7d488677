// A copy of a server's rows as of one moment, while steps change, make and take away rows.
#include "ps/table_copy.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <random>
#include <set>

#include "base/error.h"
#include "ps/cluster.h"
#include "ps/sgd.h"
#include "ps/table_store.h"

namespace trireme::ps {
namespace {

using Image = std::vector<std::byte>;  // without the order of rows, which is not copied

Image image_of(const std::byte* row, size_t bytes) {
  Image image(row, row + bytes);
  std::memset(image.data() + offsetof(RowHeader, before), 0, 2 * sizeof(RowId));
  return image;
}

std::vector<Image> rows_of(const RowTable& table) {
  std::vector<Image> rows;
  for (const RowId row : table.by_key(table.slots()))
    rows.push_back(
        image_of(reinterpret_cast<const std::byte*>(&table.header(row)), table.row_bytes()));
  return rows;
}

// Keeps all rows; now and then it is behind.
class MemoryWriter final : public RowsWriter {
 public:
  explicit MemoryWriter(std::vector<RowTable*> tables, uint64_t seed = 1)
      : tables_(std::move(tables)), random_(seed) {}
  bool sees(const std::string& place) override { return place == "here"; }
  void begin(const std::string&, const std::vector<int64_t>& counts) override {
    expected = counts;
    rows.assign(counts.size(), {});
    ended = false;
  }
  void sort(Keys keys) override { keys_ = std::move(keys); }
  std::optional<Keys> sorted() override {
    if (is_behind()) return std::nullopt;
    std::sort(keys_.begin(), keys_.end());
    return std::exchange(keys_, {});
  }
  bool has_room() override { return !is_behind(); }
  void take(size_t part, int64_t count, std::unique_ptr<std::byte[]> images) override {
    const size_t size = tables_[part]->row_bytes();
    for (int64_t i = 0; i < count; ++i)
      rows[part].push_back(image_of(images.get() + static_cast<size_t>(i) * size, size));
  }
  void end() override { ended = true; }
  SavedRows saved() override { return {.progress = 7, .done = ended, .bytes = 5}; }

  std::vector<int64_t> expected;
  std::vector<std::vector<Image>> rows;  // by part
  bool ended = false;

 private:
  bool is_behind() { return random_() % 3 == 0; }
  std::vector<RowTable*> tables_;
  std::mt19937_64 random_;
  Keys keys_;
};

// One server with all rows; steps of one worker.
class Stream {
 public:
  Stream(const LifeSpec& life, uint64_t seed)
      : store_({{{"t", 3, {Init::uniform, -1, 1}}, {"u", 1, {}}}, 1, 0, 1, {{0, 1}}, 1, life},
               cpu_kernels(), RowOptimizer(Optimizer(sgd()), false)),
        random_(seed) {}
  void step() {
    OptimizerScalars scalars{};
    scalars.lr = 0.5f;
    scalars.grad_scale = 1;
    scalars.step = ++steps_;
    for (int table = 0; table < 2; ++table) {
      std::set<int64_t> keys;
      for (int i = 0; i < 300; ++i) keys.insert(static_cast<int64_t>(random_() % kKeys));
      const int64_t dim = store_.rows(table).dim();
      NodeGradient part{{0, 0}, {dim, {keys.begin(), keys.end()}, {}}};
      part.gradient.rows.assign(keys.size() * static_cast<size_t>(dim), 0.25f);
      std::vector<std::byte> bytes;
      append_bytes(part, bytes);
      store_.apply(table, bytes, scalars);
    }
  }
  TableStore& store() { return store_; }
  uint64_t draw() { return random_(); }

 private:
  static constexpr uint64_t kKeys = 5000;
  TableStore store_;
  std::mt19937_64 random_;
  int64_t steps_ = 0;
};

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
        TableCopy copy(tables, writer, "here");
        int64_t steps = 0;
        while (!copy.done()) {
          if (stream.draw() % 4 == 0)
            copy.advance();
          else if (++steps)
            stream.step();
        }
        EXPECT_GT(steps, 3);
        EXPECT_FALSE(copy.advance());
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
  TableCopy copy(stream.store().parts(), writer, "here");
  for (int i = 0; i < 100 && !copy.done(); ++i) copy.advance();
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

// Through a server's messages.
class SavingRows : public testing::Test {
 protected:
  SavingRows() {
    ClusterSpec spec;
    spec.workers = 2;
    spec.servers = spec.shards = spec.tables = 1;
    spec.elements = 128;
    cluster_ = std::make_unique<Cluster>(spec);
  }
  ServerCore& server() { return cluster_->server(0); }
  Header ask(Kind kind, const std::string& place = "", uint32_t flags = 0, int worker = 0) {
    Message m;
    m.from = worker;
    m.to = 2;
    m.header.kind = static_cast<uint16_t>(kind);
    m.header.worker = worker;
    m.header.server = 0;
    m.header.flags = flags;
    m.header.sequence = ++sequence_[worker];
    m.payload = std::as_bytes(std::span(place));
    seal(m);
    server().on_message(std::move(m), 1);
    Message answer;
    EXPECT_TRUE(server().poll(answer));
    payload_.assign(answer.payload.begin(), answer.payload.end());
    return answer.header;
  }
  std::unique_ptr<Cluster> cluster_;
  uint64_t sequence_[2] = {0, 0};
  std::vector<std::byte> payload_;
};

TEST_F(SavingRows, NeedsAWriterThatSeesThePlace) {
  EXPECT_EQ(ask(Kind::save_rows, "here").version, 0);
  EXPECT_THROW(ask(Kind::fetch_saved), FormatError);
  MemoryWriter writer({});
  server().write_rows_with(&writer);
  EXPECT_EQ(ask(Kind::save_rows, "there").version, 0);
  EXPECT_EQ(ask(Kind::save_rows, "here", kLookOnly).version, 1);
  EXPECT_THROW(ask(Kind::fetch_saved), FormatError);
  EXPECT_THROW(ask(Kind::save_rows, "here", 0, 1), FormatError);
}

TEST_F(SavingRows, GoesOnBetweenMessagesAndSaysHowFarItIs) {
  MemoryWriter writer({});
  server().write_rows_with(&writer);
  EXPECT_FALSE(server().advance_copy());
  EXPECT_EQ(ask(Kind::save_rows, "here").version, 1);
  EXPECT_EQ(payload_.size(), sizeof(int64_t));
  EXPECT_THROW(ask(Kind::save_rows, "here"), FormatError) << "the one before is under way";
  for (int i = 0; i < 100; ++i) server().advance_copy();
  EXPECT_TRUE(writer.ended);
  ask(Kind::fetch_saved);
  SavedRows saved;
  ASSERT_EQ(payload_.size(), sizeof saved);
  std::memcpy(&saved, payload_.data(), sizeof saved);
  EXPECT_EQ(saved.done, 1);
  EXPECT_EQ(saved.bytes, 5u);
  EXPECT_EQ(ask(Kind::save_rows, "here").version, 1);
}

}  // namespace
}  // namespace trireme::ps
