#include "comm/subgroup.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>

#include "comm/thread_comm.h"

namespace trireme {
namespace {

Bytes bytes_of(const std::string& text) { return std::as_bytes(std::span(text)); }
std::string text_of(Bytes bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

constexpr Wait kWait{20, "the test", -1};

TEST(Subgroup, NumbersItsRanksAndHostsAnew) {
  run_thread_ranks(4,
                   [](Communicator& world) {
                     if (world.rank() == 0) return;
                     const Subgroup group(world, {1, 2, 3}, 20);
                     EXPECT_EQ(group.rank(), world.rank() - 1);
                     EXPECT_EQ(group.size(), 3);
                     EXPECT_EQ(group.members()[0].node, 0);
                     EXPECT_EQ(group.members()[1].node, 1);
                     EXPECT_EQ(group.members()[2].node, 0);
                     EXPECT_EQ(group.members()[2].node_rank, 1);
                     EXPECT_EQ(group.members()[2].rank, 2);
                   },
                   {0, 2, 1, 2});
}

TEST(Subgroup, GathersBroadcastsAndSendsAmongItsRanksAlone) {
  run_thread_ranks(4, [](Communicator& world) {
    if (world.rank() == 3) return;  // takes no part
    Subgroup group(world, {0, 1, 2}, 20);
    const std::string mine(static_cast<size_t>(group.rank()) * 3,
                           static_cast<char>('a' + group.rank()));
    const auto all = group.all_gather(bytes_of(mine), kWait);
    ASSERT_EQ(all.size(), 3U);
    EXPECT_EQ(text_of(all[0]), "");
    EXPECT_EQ(text_of(all[2]), "cccccc");
    std::string word = group.rank() == 1 ? "spoken" : "silent";
    group.broadcast(std::as_writable_bytes(std::span(word)), 1, kWait);
    EXPECT_EQ(word, "spoken");
    const int to = (group.rank() + 1) % 3, from = (group.rank() + 2) % 3;
    int sent = group.rank(), got = -1;
    const Ticket s = group.send(to, 7, std::as_bytes(std::span(&sent, 1)));
    group.wait(group.receive(from, 7, std::as_writable_bytes(std::span(&got, 1))), kWait);
    group.wait(s, kWait);
    EXPECT_EQ(got, from);
    group.barrier(kWait);
  });
}

TEST(Subgroup, ItsWindowIsOneRanksAloneAndReadableByTheWholeHost) {
  run_thread_ranks(4,
                   [](Communicator& world) {
                     std::unique_ptr<NodeRegions> others;
                     std::unique_ptr<Subgroup> group;
                     std::unique_ptr<Window> window;
                     if (world.rank() < 3) {
                       group = std::make_unique<Subgroup>(world, std::vector<int>{0, 1, 2}, 20);
                       window = group->window(100 + static_cast<size_t>(world.rank()));
                       std::memset(window->data(), 10 + world.rank(), window->size());
                     } else {
                       others = std::make_unique<NodeRegions>(world, 8, 20);
                     }
                     world.barrier(kWait);
                     const NodeRegions& regions = group ? *group->regions() : *others;
                     for (int r = 0; r < 3; ++r) {
                       const bool here = world.members()[static_cast<size_t>(r)].node ==
                                         world.members()[static_cast<size_t>(world.rank())].node;
                       EXPECT_EQ(regions.reaches(r), here);
                       const Bytes theirs = regions.at(r, 96, 4);
                       ASSERT_EQ(theirs.size(), here ? 4U : 0U);
                       if (here) {
                         EXPECT_EQ(static_cast<int>(theirs[3]), 10 + r);
                       }
                     }
                     world.barrier(kWait);
                   },
                   {0, 0, 1, 0});
}

TEST(NodeRegions, KnowWhatLiesInThemAndRefuseWhatDoesNot) {
  run_thread_ranks(2, [](Communicator& world) {
    const NodeRegions regions(world, 64, 20);
    EXPECT_EQ(regions.offset_of({regions.mine() + 16, 48}), std::optional<uint64_t>(16));
    EXPECT_FALSE(regions.offset_of({regions.mine() + 16, 49}));
    std::byte elsewhere[4];
    EXPECT_FALSE(regions.offset_of({elsewhere, 4}));
    const int other = 1 - world.rank();
    EXPECT_EQ(regions.at(other, 0, 64).size(), 64U);
    EXPECT_TRUE(regions.at(other, 1, 64).empty());
    EXPECT_TRUE(regions.at(other, UINT64_MAX, 1).empty());
    EXPECT_TRUE(regions.at(7, 0, 1).empty());
    world.barrier(kWait);
  });
}

}  // namespace
}  // namespace trireme
