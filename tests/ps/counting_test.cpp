// Every push adds 1 to known elements; messages are delayed, overtake each other and are repeated.
// What the servers hold in the end is exactly what was pushed.

#include <gtest/gtest.h>

#include <set>
#include <vector>

#include "ps/cluster.h"

namespace trireme::ps {
namespace {

ClusterSpec troubled(Mode mode, uint64_t seed) {
  ClusterSpec spec;
  spec.consistency = {mode, mode == Mode::bounded ? 2 : 0};
  spec.network.seed = seed;
  spec.network.jitter = 1 + static_cast<double>(seed % 40);
  spec.network.repeat = 0.3;
  spec.compute_jitter = static_cast<double>(seed % 60);
  spec.workers = 1 + static_cast<int>(seed % 5);
  spec.servers = 1 + static_cast<int>(seed % 3);
  spec.tables = static_cast<int>(seed % 4 / 2) + static_cast<int>(seed % 2);
  spec.ahead = seed % 8 > 3;
  // Ones and zeros are exact in all codecs.
  if (seed % 3 == 0) spec.codec = {static_cast<Codec>(seed / 3 % 5), 1};
  return spec;
}

void expect_all_counted(Mode mode, uint64_t first, uint64_t last) {
  int64_t repeated = 0;
  for (uint64_t seed = first; seed < last; ++seed) {
    const ClusterSpec spec = troubled(mode, seed);
    Cluster cluster(spec);
    ASSERT_NO_THROW(cluster.run()) << "seed " << seed;
    for (int64_t i = 0; i < spec.elements; i += 37)
      ASSERT_EQ(cluster.value(i), cluster.expected(i)) << "seed " << seed << " element " << i;
    for (int t = 0; t < spec.tables; ++t)
      for (int64_t key = -32; key < 32; ++key)
        ASSERT_EQ(cluster.row(t, key), cluster.expected_row(t, key))
            << "seed " << seed << " table " << t << " key " << key;
    ASSERT_EQ(cluster.stale_rows(), 0) << "seed " << seed;
    for (int s = 0; s < spec.servers; ++s) repeated += cluster.server(s).counts().repeated;
    if (mode == Mode::bounded) {
      ASSERT_LE(cluster.most_ahead(), 2) << "seed " << seed;
    }
  }
  EXPECT_GT(repeated, 0);
}

constexpr uint64_t kSeeds = 1000;

TEST(Counting, SyncCountsEveryPieceOnce) { expect_all_counted(Mode::sync, 0, kSeeds); }
TEST(Counting, BoundedCountsEveryPushOnceAndKeepsTheBound) {
  expect_all_counted(Mode::bounded, 0, kSeeds);
}
TEST(Counting, AsyncCountsEveryPushOnce) { expect_all_counted(Mode::async, 0, kSeeds); }

// Workers that push every third clock, and what is left at the end.
TEST(Counting, PushesThatSpeakForSeveralClocksCountOnceAndKeepTheBound) {
  for (const Mode mode : {Mode::bounded, Mode::async})
    for (uint64_t seed = 0; seed < 60; ++seed) {
      ClusterSpec spec = troubled(mode, seed);
      spec.tables = 0;
      if (spec.codec.codec == Codec::int8) spec.codec = {};  // not exact for twos and threes
      spec.push_every = 3;
      spec.clocks = 8;
      Cluster cluster(spec);
      ASSERT_NO_THROW(cluster.run()) << "seed " << seed;
      for (int64_t i = 0; i < spec.elements; i += 37)
        ASSERT_EQ(cluster.value(i), cluster.expected(i)) << "seed " << seed << " element " << i;
      if (mode == Mode::bounded) {
        ASSERT_LE(cluster.most_ahead(), 2) << "seed " << seed;
      }
      for (int s = 0; s < spec.servers; ++s) {
        ASSERT_EQ(cluster.server(s).clock(), spec.clocks);
      }
    }
}

// With delay compensation, weights depend on the order in which pushes come: on the seed, and on
// nothing else.
TEST(Counting, OneOrderOfArrivalsGivesTheSameBitsTwiceAndAnotherGivesOthers) {
  for (const Mode mode : {Mode::bounded, Mode::async}) {
    std::set<std::vector<float>> outcomes;
    for (uint64_t seed = 1; seed <= 12; ++seed) {
      ClusterSpec spec;
      spec.consistency = {mode, mode == Mode::bounded ? 2 : 0};
      spec.workers = 2;
      spec.delay_compensation = 0.3;
      spec.compute_jitter = 20;
      spec.network = {.seed = seed, .jitter = 15, .repeat = 0.2};
      const auto weights_after_run = [&] {
        Cluster cluster(spec);
        cluster.run();
        std::vector<float> weights;
        for (int64_t i = 0; i < spec.elements; ++i) weights.push_back(cluster.value(i));
        return weights;
      };
      const std::vector<float> weights = weights_after_run();
      EXPECT_EQ(weights_after_run(), weights) << "seed " << seed;
      outcomes.insert(weights);
    }
    EXPECT_GT(outcomes.size(), 3u) << "the order does not matter to what is tested";
  }
}

// What a codec leaves out is in the workers' residuals: together with what the servers have, it is
// all that was pushed.
TEST(Counting, NothingIsLostWhereTopKLeavesElementsOut) {
  for (const Mode mode : {Mode::sync, Mode::bounded, Mode::async})
    for (uint64_t seed = 0; seed < 20; ++seed) {
      ClusterSpec spec = troubled(mode, seed);
      spec.codec = {Codec::top_k, 0.05};
      Cluster cluster(spec);
      cluster.run();
      int64_t differ = 0;
      for (int64_t i = 0; i < spec.elements; ++i) {
        ASSERT_EQ(cluster.with_residuals(i), cluster.expected(i)) << "seed " << seed << " " << i;
        differ += cluster.value(i) != cluster.expected(i);
      }
      ASSERT_GT(differ, 0);
    }
}

// Rows that come and go, some of them in shards that have room for one.
TEST(Counting, SyncServersAgreeOnTheLivesOfRowsWhateverBecomesOfMessages) {
  for (const int64_t admit_after : {1, 2})
    for (const auto evict : {RowOrder::By::last_step, RowOrder::By::updates}) {
      ClusterSpec spec;
      spec.servers = 1;
      spec.tables = 1;
      spec.clocks = 12;
      spec.workers = 2;
      spec.life = {admit_after, 1, admit_after == 1 ? 62'000 : 96'000, evict};
      Cluster undisturbed(spec);
      undisturbed.run();
      const auto expected = undisturbed.lives(0);
      const LifeCounts counts = undisturbed.server(0).tables().counts(0);
      EXPECT_GT(counts.expired, 0);
      EXPECT_GT(counts.evicted, 0);
      EXPECT_GT(counts.rows, 0);
      for (uint64_t seed = 0; seed < kSeeds / 20; ++seed) {
        ClusterSpec other = troubled(Mode::sync, seed);
        other.workers = spec.workers;
        other.tables = 1;
        other.clocks = spec.clocks;
        other.life = spec.life;
        Cluster cluster(other);
        cluster.run();
        ASSERT_EQ(cluster.lives(0), expected) << "seed " << seed;
      }
    }
}

TEST(Counting, AllWorkersSeeTheSameWeightsAtTheEndOfASyncRun) {
  ClusterSpec spec = troubled(Mode::sync, 7);
  spec.workers = 4;
  Cluster cluster(spec);
  cluster.run();
  for (int w = 0; w < spec.workers; ++w)
    for (int64_t i = 0; i < spec.elements; i += 11)
      ASSERT_EQ(cluster.value(w, i), cluster.expected(i)) << w;
}

TEST(Counting, ASeedGivesTheSameRunAgain) {
  double first = 0;
  for (int run = 0; run < 2; ++run) {
    Cluster cluster(troubled(Mode::async, 123));
    cluster.run();
    if (run == 0) first = cluster.now();
    EXPECT_EQ(cluster.now(), first);
  }
}

TEST(Counting, AsyncWorkersGoFurtherAheadThanBoundedOnes) {
  ClusterSpec spec;
  spec.clocks = 40;
  spec.compute = 0;
  spec.compute_jitter = 60;
  spec.network.jitter = 5;
  spec.consistency.mode = Mode::async;
  Cluster async(spec);
  async.run();
  EXPECT_GT(async.most_ahead(), 1);
  spec.consistency = {Mode::bounded, 1};
  Cluster bounded(spec);
  bounded.run();
  EXPECT_EQ(bounded.most_ahead(), 1);
  EXPECT_GT(bounded.now(), async.now());  // which costs time
}

TEST(Counting, RowsAheadThatNobodyTouchesComeBeforeTheClockIsOver) {
  ClusterSpec spec;
  spec.tables = 2;
  spec.workers = 2;
  spec.ahead = true;
  Cluster ahead(spec);
  ahead.run();
  int64_t rows = 0, early = 0, asked = 0;
  for (int s = 0; s < spec.servers; ++s) {
    rows += ahead.server(s).counts().rows;
    early += ahead.server(s).counts().early_rows;
  }
  for (int t = 0; t < spec.tables; ++t)
    for (int w = 0; w < spec.workers; ++w)
      for (int64_t c = 0; c < spec.clocks; ++c)
        for (int64_t i = 0; i < 64; ++i) asked += Cluster::counts(w, c, i + t);
  EXPECT_EQ(rows, asked);
  EXPECT_EQ(ahead.stale_rows(), 0);
  // Both workers together touch 4 of 5 keys, or 3, at each clock.
  EXPECT_GT(early, 0);
  EXPECT_LT(early, rows / 2);
}

// docs/parameter_server.md: of W workers with one piece each, S servers, B blocks: a step costs B
// pushes, B receipts, one pull for each server and B answers for each worker; B times its bytes up
// and down.
TEST(Counting, MessagesAndBytesOfAStepAreThoseOfTheFormula) {
  for (const int workers : {2, 4, 8})
    for (const int servers : {1, 2, 4}) {
      ClusterSpec spec;
      spec.workers = workers;
      spec.servers = servers;
      spec.clocks = 10;
      spec.elements = 16 * kChunk;
      Cluster cluster(spec);
      cluster.run();
      const int64_t blocks = static_cast<int64_t>(cluster.placement().blocks().size());
      const int64_t bytes = spec.elements * 4, steps = spec.clocks;
      for (int w = 0; w < workers; ++w) {
        const ClientCounts& c = cluster.client(w).counts();
        const int64_t commits = w == 0 ? servers * steps : 0;
        EXPECT_EQ(c.messages_out, blocks * steps + servers * (steps + 1) + commits);
        EXPECT_EQ(c.bytes_out, bytes * steps);
        const int64_t partials = w == 0 ? steps * spec.elements / kSumChunk * 8 : 0;
        EXPECT_EQ(c.bytes_in, bytes * (steps + 1) + partials);
      }
      int64_t in = 0, out = 0;
      for (int s = 0; s < servers; ++s) {
        in += cluster.server(s).counts().bytes_in;
        out += cluster.server(s).counts().messages_out;
      }
      EXPECT_EQ(in, bytes * steps * workers);
      EXPECT_EQ(out, workers * (blocks * steps + blocks * (steps + 1)) + servers * steps);
    }
}

// Codecs change the bytes out of workers and nothing else: with n floats in blocks of kChunk, int8
// sends n + 4 n / kCodeChunk bytes, fp16 2 n and 4 for each block, bf16 2 n, top_k 8 for each of
// the share's elements.
TEST(Counting, BytesOfCodedPushesAreThoseOfTheFormula) {
  for (const Mode mode : {Mode::sync, Mode::async})
    for (const Codec codec : {Codec::fp16, Codec::bf16, Codec::int8, Codec::top_k}) {
      ClusterSpec spec;
      spec.workers = 2;
      spec.clocks = 5;
      spec.elements = 16 * kChunk;
      spec.consistency.mode = mode;
      Cluster plain(spec);
      plain.run();
      spec.codec = {codec, 0.25};
      Cluster coded(spec);
      coded.run();
      const int64_t n = spec.elements;
      const int64_t bytes = codec == Codec::fp16   ? 2 * n + 4 * 16
                            : codec == Codec::bf16 ? 2 * n
                            : codec == Codec::int8 ? n + 4 * n / kCodeChunk
                                                   : 8 * n / 4;
      for (int w = 0; w < spec.workers; ++w) {
        const ClientCounts &without = plain.client(w).counts(), &with = coded.client(w).counts();
        EXPECT_EQ(with.bytes_out, bytes * spec.clocks) << name_of(codec);
        EXPECT_EQ(with.messages_out, without.messages_out);
        EXPECT_EQ(with.bytes_in, without.bytes_in);
        const CodingCounts counts = coded.client(w).coder().take_counts();
        EXPECT_EQ(counts.bytes, with.bytes_out);
        EXPECT_EQ(counts.plain_bytes, 4 * n * spec.clocks);
        EXPECT_EQ(counts.left_out > 0, codec == Codec::top_k);
      }
    }
}

// Rows: a pull and a push for each table and server; keys out and rows in, and for each node of the
// tree its header, keys and rows out.
TEST(Counting, MessagesAndBytesOfRowsAreThoseOfTheFormula) {
  constexpr int64_t kKeys = 64, kDim = 3;
  for (const int servers : {1, 2, 4}) {
    ClusterSpec spec;
    spec.servers = servers;
    Cluster dense(spec);
    dense.run();
    spec.tables = 2;
    Cluster with(spec);
    with.run();
    int64_t in = 0;  // of one table and clock
    std::vector<int64_t> keys(static_cast<size_t>(servers));
    for (int64_t key = -32; key < 32; ++key)
      ++keys[static_cast<size_t>(server_of_key(key, servers))];
    for (int64_t n : keys) in += (n + 7) / 8 * 8 + n * kDim * 4;
    for (int w = 0; w < spec.workers; ++w) {
      int64_t out = 0;
      for (int t = 0; t < spec.tables; ++t)
        for (int64_t c = 0; c < spec.clocks; ++c) {
          out += kKeys * 8 + servers * 24;
          for (int64_t i = 0; i < kKeys; ++i) out += Cluster::counts(w, c, i + t) * (8 + 4 * kDim);
        }
      const ClientCounts &without = dense.client(w).counts(), &all = with.client(w).counts();
      const int64_t more = spec.clocks * spec.tables;
      EXPECT_EQ(all.messages_out - without.messages_out, more * 2 * servers);
      EXPECT_EQ(all.bytes_out - without.bytes_out, out);
      EXPECT_EQ(all.bytes_in - without.bytes_in, more * (in + (w == 0 ? kTableShards * 8 : 0)));
    }
  }
}

}  // namespace
}  // namespace trireme::ps
