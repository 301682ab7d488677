// Rows on a server: what it takes, what it refuses, and that shards do not depend on servers.
#include "ps/table_store.h"

#include <gtest/gtest.h>

#include <cstring>

#include <numeric>

#include "base/error.h"
#include "ps/cluster.h"
#include "ps/sgd.h"

namespace trireme::ps {
namespace {

std::vector<int64_t> keys_of(int server, int servers) {
  std::vector<int64_t> keys;
  for (int64_t key = -100; key < 100; ++key)
    if (server_of_key(key, servers) == server) keys.push_back(key);
  return keys;
}

NodeGradient ones(TreeNode node, std::vector<int64_t> keys) {
  RowGradient g{2, std::move(keys), {}};
  g.rows.assign(g.keys.size() * 2, 1.0f);
  return {node, std::move(g)};
}

std::vector<std::byte> bytes_of(std::span<const NodeGradient> parts) {
  std::vector<std::byte> bytes;
  for (const NodeGradient& part : parts) append_bytes(part, bytes);
  return bytes;
}

// The second of two servers; two workers with two leaves each.
class Rows : public testing::Test {
 protected:
  std::vector<std::byte> push(const NodeGradient& part) { return bytes_of(std::span(&part, 1)); }
  float value(int64_t key) {
    std::vector<std::byte> out(pulled_bytes(1, 2));
    store_.pull(0, std::span(&key, 1), false, out.data());
    return reinterpret_cast<const float*>(out.data() + 8)[1];
  }

  TableStoreSpec spec_{
      {{"t", 2, {Init::constant, 5, 0}}, {"u", 2, {}}}, 1, 1, 2, {{0, 2}, {2, 4}}, 4};
  TableStore store_{spec_, cpu_kernels(), RowOptimizer(Optimizer(sgd()), false)};
  const std::vector<int64_t> mine_ = keys_of(1, 2), others_ = keys_of(0, 2);
  const OptimizerScalars scalars_{1, 1, 0, 0, 1, 0, 0};
};

TEST(TableShards, DoNotDependOnServersAndAreAllDealtOut) {
  for (int servers : {1, 2, 3, 7, 256, 300}) {
    int next = 0;
    for (int s = 0; s < servers; ++s) {
      const ShardRange range = shards_of(s, servers);
      EXPECT_EQ(range.first, next);
      for (int shard = range.first; shard < range.last; ++shard)
        EXPECT_EQ(server_of_shard(shard, servers), s);
      next = range.last;
    }
    EXPECT_EQ(next, kTableShards);
  }
}

TEST(TableShards, HoldLikeNumbersOfConsecutiveKeys) {
  std::vector<int> rows(kTableShards);
  for (int64_t key = 0; key < 100 * kTableShards; ++key) ++rows[static_cast<size_t>(shard_of(key))];
  for (int n : rows) {
    EXPECT_GT(n, 40);
    EXPECT_LT(n, 180);
  }
}

TEST(TableShards, SumTheSquaresOfTheirRows) {
  RowGradient g{2, keys_of(0, 1), {}};
  for (size_t i = 0; i < g.keys.size() * 2; ++i) g.rows.push_back(0.1f * static_cast<float>(i));
  std::vector<double> squares(kTableShards);
  shard_squares(g, squares);
  for (int shard = 0; shard < kTableShards; ++shard) {
    RowGradient part{2, {}, {}};
    for (int64_t i = 0; i < g.size(); ++i)
      if (shard_of(g.keys[static_cast<size_t>(i)]) == shard) {
        part.keys.push_back(g.keys[static_cast<size_t>(i)]);
        part.rows.insert(part.rows.end(), g.row(i), g.row(i) + 2);
      }
    EXPECT_EQ(squares[static_cast<size_t>(shard)], sum_of_squares(part)) << shard;
  }
}

TEST_F(Rows, AreAddedUpWhenAllWorkersHavePushedEveryTable) {
  EXPECT_FALSE(store_.begun());
  store_.take(0, 0, push(ones({1, 0}, mine_)));
  EXPECT_EQ(store_.missing(), (std::vector<int>{0, 1}));
  store_.take(0, 1, {});
  EXPECT_EQ(store_.missing(), (std::vector<int>{1}));
  store_.take(1, 1, {});
  store_.take(1, 0, push(ones({0, 3}, mine_)));
  ASSERT_TRUE(store_.complete());
  std::vector<double> partials;
  store_.append_partials(partials);
  EXPECT_EQ(partials.size(), kTableShards);  // half of the shards of two tables
  EXPECT_EQ(std::accumulate(partials.begin(), partials.end(), 0.0),
            8.0 * static_cast<double>(mine_.size()));
  store_.commit(scalars_);
  store_.end();
  EXPECT_FALSE(store_.begun());
  EXPECT_EQ(value(mine_[3]), 3);
}

TEST_F(Rows, ThatAreReadAfterACommitAreSteppedBeforeOthers) {
  store_.apply(0, push(ones({2, 0}, mine_)), scalars_);  // makes them: 5 - 1
  store_.take(0, 0, push(ones({1, 0}, mine_)));
  for (const auto& [worker, table] : {std::pair{0, 1}, {1, 0}, {1, 1}})
    store_.take(worker, table, {});
  store_.commit(scalars_);
  store_.end();
  const auto updates = [&](size_t i) {  // rows were made in the order of keys
    return store_.rows(0).header(static_cast<RowId>(i)).updates;
  };
  EXPECT_EQ(value(mine_[3]), 3);
  EXPECT_EQ(updates(3), 2);
  EXPECT_EQ(updates(4), 1);
  store_.finish();
  EXPECT_EQ(updates(3), 2);
  EXPECT_EQ(updates(4), 2);
  EXPECT_EQ(value(mine_[4]), 3);
}

// The second part of an odd number of floats begins at no multiple of 8.
TEST(RowsOfOddWidth, AreAddedUpWhereTheyLieAsWhereTheyAreCopied) {
  const TableStoreSpec spec{{{"t", 3, {Init::constant, 5, 0}}}, 1, 0, 1, {{0, 3}}, 4};
  std::vector<NodeGradient> parts = {{{1, 0}, {3, {-7, 2, 3}, {1, 2, 3, 4, 5, 6, 7, 8, 9}}},
                                     {{0, 2}, {3, {2, 5}, {10, 20, 30, 40, 50, 60}}}};
  const std::vector<std::byte> bytes = bytes_of(parts);
  const auto pool = PayloadPool::make();
  std::vector<std::vector<std::byte>> results;
  for (const bool stays : {false, true}) {
    TableStore store(spec, cpu_kernels(), RowOptimizer(Optimizer(sgd()), false));
    Payload owned = pool->take(bytes.size());
    std::memcpy(owned->data(), bytes.data(), bytes.size());
    const Bytes there{owned->data(), bytes.size()};
    if (stays)
      store.take(0, 0, there, std::move(owned));
    else
      store.take(0, 0, there);
    store.commit({1, 1, 0, 0, 1, 0, 0});
    store.end();
    const std::vector<int64_t> keys = {-7, 2, 3, 5};
    store.pull(0, keys, false, results.emplace_back(pulled_bytes(4, 3)).data());
  }
  EXPECT_EQ(results[0], results[1]);
  EXPECT_EQ(reinterpret_cast<const float*>(results[1].data() + 8)[3], 5 - (4 + 10));
}

TEST_F(Rows, ReadAsTheyWillBeMadeAndAreNotMadeByThat) {
  const auto key = std::span(mine_).first(1);
  std::vector<std::byte> out(pulled_bytes(1, 2));
  store_.pull(0, key, true, out.data());
  EXPECT_EQ(reinterpret_cast<const float*>(out.data() + 8)[0], 5);
  EXPECT_EQ(out[0], std::byte{1});
  store_.pull(0, key, false, out.data());
  EXPECT_EQ(reinterpret_cast<const float*>(out.data() + 8)[0], 0);
  EXPECT_EQ(out[0], std::byte{0});
  EXPECT_EQ(store_.rows(0).size(), 0);
}

TEST_F(Rows, AreCopiedAndLoadedWhole) {
  store_.apply(0, push(ones({2, 0}, mine_)), scalars_);
  const auto n = static_cast<int64_t>(mine_.size());
  ASSERT_EQ(store_.rows(0).size(), n);
  std::vector<std::byte> rows(mine_.size() * store_.rows(0).row_bytes());
  EXPECT_EQ(store_.begin_copy(0, Part::rows), n);
  const size_t half = rows.size() / mine_.size() * static_cast<size_t>(n / 2);
  store_.copy(0, Part::rows, 0, n / 2, rows.data());
  store_.copy(0, Part::rows, n / 2, n - n / 2, rows.data() + half);
  EXPECT_EQ(store_.to_copy(0, Part::rows), 0);
  for (int64_t i = 0; i < n; ++i) {
    int64_t key;
    std::memcpy(&key, rows.data() + static_cast<size_t>(i) * store_.rows(0).row_bytes(), 8);
    EXPECT_EQ(key, mine_[static_cast<size_t>(i)]);
  }
  TableStore other(spec_, cpu_kernels(), RowOptimizer(Optimizer(sgd()), false));
  other.load(0, Part::rows, rows);
  ASSERT_EQ(other.rows(0).size(), n);
  std::vector<std::byte> again(rows.size());
  other.begin_copy(0, Part::rows);
  other.copy(0, Part::rows, 0, n, again.data());
  EXPECT_EQ(rows, again);
}

TEST_F(Rows, OfOtherServersOrOutOfOrderAreRefused) {
  EXPECT_THROW(store_.require_keys(0, std::span(others_).first(1)), FormatError);
  const std::vector<int64_t> twice = {mine_[0], mine_[0]}, back = {mine_[1], mine_[0]};
  EXPECT_THROW(store_.require_keys(0, twice), FormatError);
  EXPECT_THROW(store_.require_keys(0, back), FormatError);
  EXPECT_THROW(store_.take(0, 0, push(ones({0, 0}, {others_[0]}))), FormatError);
  EXPECT_THROW(store_.take(0, 0, push(ones({0, 0}, back))), FormatError);
}

TEST_F(Rows, OfLeavesThatAreNotTheWorkersAreRefused) {
  for (const TreeNode node : {TreeNode{0, 2}, TreeNode{2, 0}, TreeNode{-1, 0}, TreeNode{0, -1},
                              TreeNode{40, 0}, TreeNode{1, 1 << 30}})
    EXPECT_THROW(store_.take(0, 0, push(ones(node, mine_))), FormatError) << node.level;
  const std::vector<NodeGradient> same = {ones({0, 1}, mine_), ones({0, 1}, mine_)};
  EXPECT_THROW(store_.take(0, 0, bytes_of(same)), FormatError);
  EXPECT_THROW(store_.apply(0, push(ones({0, 0}, mine_)), scalars_), FormatError);
}

TEST_F(Rows, ArePushedOnceByEachWorker) {
  store_.take(0, 0, {});
  EXPECT_THROW(store_.take(0, 0, {}), FormatError);
}

TEST_F(Rows, OfAnotherSizeAreRefused) {
  std::vector<std::byte> bytes = push(ones({0, 0}, mine_));
  bytes.pop_back();
  EXPECT_THROW(store_.take(0, 0, bytes), FormatError);
  EXPECT_THROW(store_.load(0, Part::rows, std::vector<std::byte>(store_.rows(0).row_bytes() + 1)),
               FormatError);
}

// Through a server's messages.
class RowQuestions : public testing::Test {
 protected:
  static ClusterSpec spec() {
    ClusterSpec s;
    s.workers = s.servers = s.shards = s.tables = 1;
    s.elements = 128;
    return s;
  }
  void ask(Kind kind, int table, Bytes payload, int64_t need = 0, uint64_t clock = 0) {
    Message m;
    m.from = 0;
    m.to = 1;
    m.header.kind = static_cast<uint16_t>(kind);
    m.header.worker = m.header.server = 0;
    m.header.table = table;
    m.header.clock = clock;
    m.header.need = need;
    m.header.samples = 10;
    m.header.sequence = ++sequence_;
    m.payload = payload;
    seal(m);
    cluster_.server(0).on_message(std::move(m), 1);
  }
  Cluster cluster_{spec()};
  uint64_t sequence_ = 0;
  const std::vector<int64_t> keys_ = {1, 2};
  const Bytes some_ = std::as_bytes(std::span(keys_));
};

TEST_F(RowQuestions, OfUnknownTablesAreRefused) {
  for (const Kind kind : {Kind::pull_rows, Kind::push_rows, Kind::load_rows, Kind::fetch_rows})
    for (int table : {-1, 1}) EXPECT_THROW(ask(kind, table, {}), FormatError) << table;
}

TEST_F(RowQuestions, ThatDoNotFitAreRefused) {
  EXPECT_THROW(ask(Kind::pull_rows, 0, some_.first(12)), FormatError);
  EXPECT_THROW(ask(Kind::fetch_rows, 0, {}, 1), FormatError);
  EXPECT_THROW(ask(Kind::push_rows, 0, {}, 0, 3), FormatError);
}

TEST_F(RowQuestions, AreNamedWhereTheyAreRefused) {
  const std::vector<int64_t> back = {2, 1};
  try {
    ask(Kind::pull_rows, 0, std::as_bytes(std::span(back)));
    FAIL();
  } catch (const FormatError& e) {
    EXPECT_NE(std::string(e.what()).find("not ascending"), std::string::npos) << e.what();
    EXPECT_NE(std::string(e.what()).find("pull_rows (11) worker 0"), std::string::npos) << e.what();
  }
}

TEST_F(RowQuestions, WaitForTheClockThatTheyNeed) {
  Message answer;
  ask(Kind::pull_rows, 0, some_, 1, 1);
  EXPECT_FALSE(cluster_.server(0).poll(answer));
  ask(Kind::pull_rows, 0, some_, 0, 0);
  ASSERT_TRUE(cluster_.server(0).poll(answer));
  EXPECT_EQ(answer.kind(), Kind::pulled_rows);
  EXPECT_EQ(answer.payload.size(), pulled_bytes(2, 3));
}

}  // namespace
}  // namespace trireme::ps
