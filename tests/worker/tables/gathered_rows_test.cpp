#include "worker/tables/gathered_rows.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "comm/thread_comm.h"

namespace trireme {
namespace {

const std::vector<TableSpec> kTables = {{"users", 2, {}}, {"items", 1, {}}};

// Rank r has leaves 2r and 2r + 1 of users, the latter in two ranges of keys; rank 1 alone has
// items.
struct Mine {
  explicit Mine(int rank) {
    const auto base = static_cast<float>(10 * rank);
    gradients = {{2, {1, 5}, {base, base + 1, base + 2, base + 3}},
                 {2, {2}, {base + 4, base + 5}},
                 {2, {7}, {base + 6, base + 7}},
                 {1, {3}, {base}}};
    parts.resize(2);
    parts[0] = {{{0, 2 * rank}, gradients[0]},
                {{0, 2 * rank + 1}, gradients[1]},
                {{0, 2 * rank + 1}, gradients[2]}};
    if (rank == 1) parts[1] = {{{1, rank}, gradients[3]}};
  }
  std::vector<ps::RowGradient> gradients;
  std::vector<std::vector<ps::NodeRows>> parts;
};

void expect_all(const GatheredRows& gathered, int ranks) {
  const auto users = gathered.parts(0);
  ASSERT_EQ(users.size(), static_cast<size_t>(3 * ranks));
  for (int r = 0; r < ranks; ++r) {
    const Mine theirs(r);
    for (size_t p = 0; p < 3; ++p) {
      const ps::NodeRows& part = users[static_cast<size_t>(3 * r) + p];
      const ps::NodeRows& expected = theirs.parts[0][p];
      EXPECT_EQ(part.node, expected.node);
      EXPECT_TRUE(std::ranges::equal(part.rows.keys, expected.rows.keys));
      EXPECT_TRUE(std::equal(part.rows.rows, part.rows.row(part.rows.size()), expected.rows.rows));
    }
  }
  ASSERT_EQ(gathered.parts(1).size(), 1u);
  EXPECT_EQ(gathered.parts(1).front().rows.rows[0], 10);
}

TEST(GatheredRows, AreThoseOfAllRanksInTheOrderOfTheTree) {
  run_thread_ranks(3, [](Communicator& comm) {
    GatheredRows gathered(comm, kTables, 20);
    for (int64_t step = 0; step < 3; ++step) {
      const Mine mine(comm.rank());
      gathered.exchange(mine.parts, step);
      expect_all(gathered, 3);
    }
  });
}

TEST(GatheredRows, MayBeNone) {
  run_thread_ranks(2, [](Communicator& comm) {
    GatheredRows gathered(comm, kTables, 20);
    gathered.exchange(Mine(comm.rank()).parts, 0);
    gathered.exchange(std::vector<std::vector<ps::NodeRows>>(2), 1);
    EXPECT_TRUE(gathered.parts(0).empty());
    EXPECT_TRUE(gathered.parts(1).empty());
  });
}

}  // namespace
}  // namespace trireme
