// The life of rows against a model of a few lines: which keys have a row, how often each was
// updated, which wait and how often they were seen, after every step of a random stream.
#include "ps/table_life.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <set>
#include <tuple>

#include "base/error.h"

namespace trireme::ps {
namespace {

const TableSpec kSpec{"t", 3, {Init::uniform, -1, 1}};
const RowState kState{2, 0.5f};
constexpr ShardRange kAll{0, kTableShards};

struct Seen {
  int64_t last_step, times;
  friend bool operator==(const Seen&, const Seen&) = default;
};
using Keys = std::map<int64_t, Seen>;

// docs/tables.md, "The life of a row", literally.
class Model {
 public:
  Model(const LifeSpec& life, const LifeRoom& room) : life_(life), room_(room) {}

  void step(int64_t now, const std::set<int64_t>& keys) {
    std::map<int, std::set<int64_t>> fresh, waiting;
    for (const int64_t key : keys) {
      const int shard = shard_of(key);
      if (rows[shard].contains(key))
        rows[shard][key] = {now, rows[shard][key].times + 1};
      else if (life_.admit_after == 1)
        fresh[shard].insert(key);
      else if (waits[shard].contains(key) && waits[shard][key].times + 1 >= life_.admit_after)
        fresh[shard].insert(key);
      else
        waiting[shard].insert(key);
    }
    for (int shard = 0; shard < kTableShards; ++shard) {
      for (const int64_t key : fresh[shard]) waits[shard].erase(key);
      for (const int64_t key : waiting[shard])
        if (waits[shard].contains(key)) waits[shard][key] = {now, waits[shard][key].times + 1};
      std::erase_if(waiting[shard], [&](int64_t key) { return waits[shard].contains(key); });
      enter(waits[shard], waiting[shard], now, 1, room_.candidates, RowOrder::By::last_step);
      enter(rows[shard], fresh[shard], now, life_.admit_after == 1 ? 1 : 0, room_.rows,
            life_.evict);
    }
  }

  std::map<int, Keys> rows, waits;

 private:
  void enter(Keys& there, std::set<int64_t> fresh, int64_t now, int64_t times, int64_t most,
             RowOrder::By by) const {
    if (life_.expire_after > 0)
      std::erase_if(there,
                    [&](const auto& e) { return now - e.second.last_step >= life_.expire_after; });
    while (most > 0 && !fresh.empty() && static_cast<int64_t>(there.size() + fresh.size()) > most) {
      const auto victim = std::ranges::min_element(there, {}, [&](const auto& e) {
        const auto& [key, seen] = e;
        return std::tuple(by == RowOrder::By::updates ? seen.times : 0, seen.last_step, key);
      });
      if (victim == there.end() ||
          (by == RowOrder::By::last_step && victim->second.last_step == now))
        fresh.erase(fresh.begin());
      else
        there.erase(victim);
    }
    for (const int64_t key : fresh) there[key] = {now, times};
  }

  const LifeSpec life_;
  const LifeRoom room_;
};

// One server's.
class Table {
 public:
  Table(const LifeSpec& life, const LifeRoom& room, ShardRange shards)
      : rows(kSpec, kState, 7, room.rows * shards.size()), life(life, room, rows, shards) {}

  // A step adds 1 to every row that it sees.
  void step(int64_t now, std::span<const int64_t> keys) {
    std::vector<RowId> found(keys.size());
    rows.find(keys, found);
    const auto train = [&](std::span<const RowId> some) {
      for (const RowId row : some) {
        if (row == kNoRow) continue;
        rows.header(row).last_step = now;
        ++rows.header(row).updates;
        rows.weights(row)[1] += 1;
      }
    };
    train(found);
    life.end_step(now, keys, found, train);
  }

  // What a checkpoint has of the other, in the order of keys.
  void load(Table& other) {
    const auto copy = [](const RowTable& from, RowTable& to) {
      for (const RowId row : from.by_key(from.slots())) {
        const RowId mine = to.make(from.header(row).key);
        to.header(mine).last_step = from.header(row).last_step;
        to.header(mine).updates = from.header(row).updates;
        std::copy_n(from.weights(row), from.dim() + from.row_state().floats, to.weights(mine));
      }
    };
    copy(other.rows, rows);
    if (life.candidates()) copy(*other.life.candidates(), *life.candidates());
    life.restore(other.life.counts());
    life.arrange();
  }

  RowTable rows;
  TableLife life;
};

void add_keys(const RowTable& table, std::map<int, Keys>& into) {
  for (const RowId row : table.by_key(table.slots())) {
    const RowHeader& h = table.header(row);
    into[shard_of(h.key)][h.key] = {h.last_step, h.updates};
  }
}

void drop_empty(std::map<int, Keys>& keys) {
  std::erase_if(keys, [](const auto& e) { return e.second.empty(); });
}

uint64_t word(uint64_t i) {
  const Philox4 w = philox(4, i, 0);
  return uint64_t{w[0]} << 32 | w[1];
}

// Popular keys and rare ones, of 3 shards or so; sometimes none.
std::set<int64_t> keys_of(uint64_t step) {
  static const std::vector<int64_t> kFew = [] {
    std::vector<int64_t> keys;
    for (int64_t key = -100'000; keys.size() < 120; ++key)
      if (shard_of(key) % 100 == 3) keys.push_back(key);
    return keys;
  }();
  std::set<int64_t> keys;
  const uint64_t count = word(step) % 17;
  for (uint64_t i = 0; i < count; ++i) {
    const uint64_t w = word(step * 64 + i + 1);
    keys.insert(kFew[w % 3 == 0 ? (w >> 8) % 12 : (w >> 8) % kFew.size()]);
  }
  return keys;
}

struct Case {
  LifeSpec life;
  LifeRoom room;
};

std::vector<Case> cases() {
  std::vector<Case> all;
  for (const int64_t admit : {1, 2, 4})
    for (const int64_t expire : {0, 1, 9})
      for (const int64_t most : {0, 1, 3, 20})
        for (const auto evict : {RowOrder::By::last_step, RowOrder::By::updates})
          all.push_back({{admit, expire, most, evict}, {most, most == 0 ? 0 : 2 * most}});
  return all;
}

void expect_model(std::span<const std::unique_ptr<Table>> servers, const Case& c, Model& model,
                  int64_t step) {
  std::map<int, Keys> rows, waits;
  LifeCounts counts;
  int64_t waiting = 0;
  for (const auto& server : servers) {
    add_keys(server->rows, rows);
    counts += server->life.counts();
    if (!server->life.candidates()) continue;
    add_keys(*server->life.candidates(), waits);
  }
  for (const auto& [shard, keys] : waits)
    for (const auto& [key, seen] : keys) waiting += seen.times;
  drop_empty(model.rows);
  drop_empty(model.waits);
  ASSERT_EQ(rows, model.rows) << step;
  ASSERT_EQ(waits, model.waits) << step;
  ASSERT_EQ(counts.admitted, counts.rows + counts.expired + counts.evicted) << step;
  if (c.life.admit_after > 1) {
    ASSERT_EQ(counts.sighted, waiting + c.life.admit_after * counts.admitted + counts.forgotten)
        << step;
  }
  std::vector<float> first(3);
  for (const auto& server : servers)
    for (const RowId row : server->rows.by_key(server->rows.slots())) {
      const RowHeader& h = server->rows.header(row);
      server->rows.initial_row(h.key, first.data());
      ASSERT_EQ(server->rows.weights(row)[0], first[0]) << "memory of another row";
      ASSERT_FLOAT_EQ(server->rows.weights(row)[1], first[1] + static_cast<float>(h.updates));
      ASSERT_EQ(server->rows.state(row)[1], 0.5f);
    }
}

std::vector<std::unique_ptr<Table>> servers_of(const Case& c, int servers) {
  std::vector<std::unique_ptr<Table>> result;
  for (int s = 0; s < servers; ++s)
    result.push_back(std::make_unique<Table>(c.life, c.room, shards_of(s, servers)));
  return result;
}

void run(const Case& c, int servers, int64_t first, int64_t last,
         std::span<const std::unique_ptr<Table>> tables, Model& model) {
  for (int64_t step = first; step < last; ++step) {
    const std::set<int64_t> keys = keys_of(static_cast<uint64_t>(step));
    model.step(step, keys);
    for (int s = 0; s < servers; ++s) {
      std::vector<int64_t> mine;
      for (const int64_t key : keys)
        if (server_of_key(key, servers) == s) mine.push_back(key);
      tables[static_cast<size_t>(s)]->step(step, mine);
    }
    expect_model(tables, c, model, step);
    if (testing::Test::HasFatalFailure()) return;
  }
}

TEST(TableLife, AgreesWithItsModelAfterEveryStep) {
  for (const Case& c : cases()) {
    SCOPED_TRACE(testing::Message() << c.life.admit_after << " " << c.life.expire_after << " "
                                    << c.room.rows << " " << static_cast<int>(c.life.evict));
    const auto tables = servers_of(c, 1);
    Model model(c.life, c.room);
    run(c, 1, 1, 120, tables, model);
    if (HasFatalFailure()) return;
  }
}

TEST(TableLife, IsTheSameOnAnyNumberOfServers) {
  for (const int servers : {2, 3, 7})
    for (const auto evict : {RowOrder::By::last_step, RowOrder::By::updates}) {
      const Case c{{2, 9, 3, evict}, {3, 6}};
      const auto tables = servers_of(c, servers);
      Model model(c.life, c.room);
      run(c, servers, 1, 150, tables, model);
      if (HasFatalFailure()) return;
    }
}

TEST(TableLife, GoesOnFromACheckpointAsIfNothingHadHappened) {
  for (const Case& c : cases()) {
    const auto before = servers_of(c, 1), after = servers_of(c, 1);
    Model model(c.life, c.room);
    run(c, 1, 1, 40, before, model);
    after.front()->load(*before.front());
    run(c, 1, 40, 80, after, model);
    if (HasFatalFailure()) return;
  }
}

TEST(TableLife, GivesUpWhatIsTooMuchForASmallerBudget) {
  const Case large{{1, 0, 20, RowOrder::By::last_step}, {20, 0}},
      small{{1, 0, 3, RowOrder::By::last_step}, {3, 0}};
  const auto before = servers_of(large, 1), after = servers_of(small, 1);
  Model unused(large.life, large.room);
  run(large, 1, 1, 60, before, unused);
  after.front()->load(*before.front());
  std::map<int, Keys> left;
  add_keys(after.front()->rows, left);
  for (const auto& [shard, keys] : left) {
    const Keys& had = unused.rows[shard];
    EXPECT_EQ(keys.size(), std::min<size_t>(3, had.size()));
    for (const auto& [key, seen] : had) {
      const bool newer = std::ranges::all_of(keys, [&](const auto& e) {
        return std::tuple(seen.last_step, key) < std::tuple(e.second.last_step, e.first);
      });
      EXPECT_NE(newer, keys.contains(key)) << key;
    }
  }
  Model model(small.life, small.room);
  model.rows = left;
  run(small, 1, 60, 90, after, model);
}

TEST(TableLife, TakesTheLargestStepForNowWhereStepsComeInAnyOrder) {
  const Case c{{1, 5, 0, RowOrder::By::last_step}, {}};
  Table table(c.life, c.room, kAll);
  const std::vector<int64_t> a = {1}, b = {2};
  table.step(10, a);
  table.step(7, b);  // of a worker that is behind: seen now
  table.step(14, {});
  EXPECT_EQ(table.rows.size(), 2);
  table.step(15, {});
  EXPECT_EQ(table.rows.size(), 0);
  EXPECT_EQ(table.life.counts().expired, 2);
}

TEST(TableLife, StaysWithinItsBudgetByItsOwnAccount) {
  for (const int64_t dim : {1, 16, 100})
    for (const int64_t admit : {1, 3})
      for (const auto evict : {RowOrder::By::last_step, RowOrder::By::updates})
        for (const int64_t budget : {300'000, 1 << 20, 3 << 20}) {
          const LifeSpec spec{admit, 0, budget, evict};
          const TableSpec of{"t", dim, {}};
          const RowState state{dim, 0};
          LifeRoom room;
          try {
            room = room_for(spec, of, state);
          } catch (const ConfigError&) {
            ASSERT_EQ(budget, 300'000);
            continue;
          }
          RowTable rows(of, state, 1, room.rows * kTableShards);
          TableLife life(spec, room, rows, kAll);
          std::vector<int64_t> keys(4096);
          int64_t most = 0;
          for (int64_t step = 0; step < 24; ++step) {
            std::iota(keys.begin(), keys.end(), step / admit * 4096);
            std::vector<RowId> found(keys.size());
            rows.find(keys, found);
            life.end_step(step + 1, keys, found, [](std::span<const RowId>) {});
            most = std::max(most, life.counts().bytes);
          }
          EXPECT_LE(most, budget) << dim << " " << admit;
          EXPECT_GT(most, budget / 3) << dim << " " << admit << ": much of it is never used";
          EXPECT_GT(life.counts().evicted, 0) << dim << " " << admit << " " << budget;
        }
}

TEST(TableLife, StaysWithinItsBudgetOnSeveralServersTogether) {
  const LifeSpec spec{2, 0, 4 << 20, RowOrder::By::updates};
  const TableSpec of{"t", 8, {}};
  const RowState state{8, 0};
  const LifeRoom room = room_for(spec, of, state);
  for (const int servers : {2, 3}) {
    int64_t bytes = 0;
    for (int s = 0; s < servers; ++s) {
      const ShardRange shards = shards_of(s, servers);
      RowTable rows(of, state, 1, room.rows * shards.size());
      TableLife life(spec, room, rows, shards);
      std::vector<int64_t> keys;
      for (int64_t step = 0; step < 16; ++step) {
        keys.clear();
        for (int64_t key = step / 2 * 16384; key < (step / 2 + 1) * 16384; ++key)
          if (server_of_key(key, servers) == s) keys.push_back(key);
        std::vector<RowId> found(keys.size());
        rows.find(keys, found);
        life.end_step(step + 1, keys, found, {});
      }
      EXPECT_GT(life.counts().evicted, 0);
      bytes += life.counts().bytes;
    }
    EXPECT_LE(bytes, spec.budget) << servers;
  }
}

TEST(TableLife, RefusesABudgetWithoutARowForEachShardAndNamesTheLeast) {
  for (const int64_t admit : {1, 2}) {
    const LifeSpec life{admit, 0, 1000, RowOrder::By::updates};
    try {
      room_for(life, kSpec, kState);
      FAIL();
    } catch (const ConfigError& e) {
      EXPECT_NE(std::string(e.what()).find("table t gets"), std::string::npos) << e.what();
      const std::string hint = e.hint();
      const size_t at = hint.find("= ");
      ASSERT_NE(at, std::string::npos) << hint;
      const double mib = std::stod(hint.substr(at + 2));
      LifeSpec enough = life, little = life;
      enough.budget = std::llround(mib * (1 << 20));
      little.budget = std::llround((mib - 0.002) * (1 << 20));
      EXPECT_GE(room_for(enough, kSpec, kState).rows, 1);
      EXPECT_THROW(room_for(little, kSpec, kState), ConfigError);
    }
  }
}

}  // namespace
}  // namespace trireme::ps
