#include "ps/push_report.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "ps/cluster.h"

namespace trireme::ps {
namespace {

ClusterSpec telling(Consistency consistency, uint64_t seed) {
  ClusterSpec spec;
  spec.tells = true;
  spec.consistency = consistency;
  spec.network = {seed, 1, 20, 0.3};
  spec.compute_jitter = 10;
  return spec;
}

// Each tells w n behind after n clocks.
TEST(PushReport, HasAllWorkersAtTheSameClockWhereTheyGoInStep) {
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    const ClusterSpec spec = telling({}, seed);
    Cluster cluster(spec);
    cluster.run();
    ASSERT_EQ(static_cast<int64_t>(cluster.reports().size()), spec.clocks);
    for (int64_t n = 1; n <= spec.clocks; ++n) {
      const PushReport& all = cluster.reports()[static_cast<size_t>(n - 1)];
      EXPECT_EQ(all.pulls, spec.workers * n);
      EXPECT_EQ(all.behind, (0 + 1 + 2 + 3) * n);
    }
  }
}

TEST(PushReport, HasWhatEachHasToldElsewhere) {
  for (const Mode mode : {Mode::bounded, Mode::async})
    for (uint64_t seed = 1; seed <= 20; ++seed) {
      const ClusterSpec spec = telling({mode, 2}, seed);
      Cluster cluster(spec);
      cluster.run();
      ASSERT_EQ(static_cast<int64_t>(cluster.reports().size()), spec.clocks);
      PushReport before;
      for (int64_t n = 1; n <= spec.clocks; ++n) {
        const PushReport& all = cluster.reports()[static_cast<size_t>(n - 1)];
        EXPECT_GE(all.pulls, before.pulls + 1);  // worker 0 has told of this clock
        EXPECT_GE(all.behind, before.behind);
        EXPECT_LE(all.behind, 6 * spec.clocks);
        before = all;
      }
      EXPECT_GT(before.behind, 0);
    }
}

TEST(PushReport, CostsAsManyMessagesAndBytesAsTheDocumentsSay) {
  for (const Mode mode : {Mode::sync, Mode::bounded, Mode::async}) {
    ClusterSpec spec = telling({mode, 2}, 1);
    spec.network.repeat = 0;
    Cluster told(spec);
    told.run();
    spec.tells = false;
    Cluster plain(spec);
    plain.run();
    for (int w = 0; w < spec.workers; ++w) {
      const ClientCounts with = told.client(w).counts(), without = plain.client(w).counts();
      const int64_t asks = w == 0 ? spec.clocks : 0;
      EXPECT_EQ(with.messages_out - without.messages_out, asks);
      EXPECT_EQ(with.bytes_out - without.bytes_out, 56 * spec.clocks);
      EXPECT_EQ(with.bytes_in - without.bytes_in, 56 * asks);
    }
  }
}

TEST(PushReport, OfAnotherSizeIsRefused) {
  Cluster cluster(telling({}, 1));
  Message m;
  m.from = m.header.worker = 1;
  m.header.server = 0;
  m.header.kind = static_cast<uint16_t>(Kind::pull);
  m.header.sequence = 1;
  const float floats[3] = {};
  m.payload = std::as_bytes(std::span(floats));
  seal(m);
  EXPECT_THROW(cluster.server(0).on_message(std::move(m), 0), FormatError);
}

}  // namespace
}  // namespace trireme::ps
