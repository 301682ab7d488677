#include "comm/thread_comm.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <chrono>
#include <functional>
#include <thread>

#include "base/error.h"
#include "comm/comm_test_tools.h"

namespace trireme {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

class ThreadRanks : public testing::TestWithParam<int> {
 protected:
  const int n = GetParam();
  const Wait wait{.seconds = 20, .what = "the test"};
};

TEST_P(ThreadRanks, NobodyLeavesABarrierBeforeAllArrived) {
  std::atomic<int> arrived{0};
  run_thread_ranks(n, [&](Communicator& c) {
    for (int round = 1; round <= 20; ++round) {
      ++arrived;
      c.barrier(wait);
      EXPECT_GE(arrived.load(), round * n);
      c.barrier(wait);
    }
  });
}

TEST_P(ThreadRanks, EveryRankGetsTheRootsBytes) {
  run_thread_ranks(n, [&](Communicator& c) {
    for (int root = 0; root < n; ++root) {
      std::vector<int> data(1000, c.rank() == root ? root + 1 : -1);
      c.broadcast(std::as_writable_bytes(std::span(data)), root, wait);
      EXPECT_EQ(data, std::vector<int>(1000, root + 1));
    }
    c.broadcast({}, 0, wait);
  });
}

TEST_P(ThreadRanks, AllGatherKeepsRanksApartWhateverTheirLengths) {
  run_thread_ranks(n, [&](Communicator& c) {
    // Rank r gives r * 100 bytes of value r, so that rank 0 gives none.
    const auto all = c.all_gather(filled(static_cast<size_t>(c.rank()) * 100, c.rank()), wait);
    ASSERT_EQ(all.size(), static_cast<size_t>(n));
    for (int r = 0; r < n; ++r)
      EXPECT_EQ(all[static_cast<size_t>(r)], filled(static_cast<size_t>(r) * 100, r));
  });
}

TEST_P(ThreadRanks, AllGatherOfNothingGivesOneEmptyPartPerRank) {
  run_thread_ranks(n, [&](Communicator& c) {
    const auto all = c.all_gather({}, wait);
    EXPECT_EQ(all, std::vector<std::vector<std::byte>>(static_cast<size_t>(n)));
  });
}

TEST_P(ThreadRanks, MessagesFindTheirTagsInAnyOrderOfWaits) {
  run_thread_ranks(n, [&](Communicator& c) {
    const int to = (c.rank() + 1) % n, from = (c.rank() + n - 1) % n;
    const std::vector<size_t> sizes{1, 0, 1000003, 64};
    std::vector<std::vector<std::byte>> out, in;
    for (size_t i = 0; i < sizes.size(); ++i) {
      out.push_back(filled(sizes[i], c.rank() + static_cast<int>(i)));
      in.emplace_back(sizes[i]);
    }
    std::vector<Ticket> receives(sizes.size()), sends;
    for (size_t i = sizes.size(); i-- > 0;)
      receives[i] = c.receive(from, static_cast<int>(i), in[i]);
    for (size_t i = 0; i < sizes.size(); ++i)
      sends.push_back(c.send(to, static_cast<int>(i), out[i]));
    for (size_t i : {2u, 0u, 3u, 1u}) c.wait(receives[i], wait);
    for (Ticket t : sends) c.wait(t, wait);
    for (size_t i = 0; i < sizes.size(); ++i)
      EXPECT_EQ(in[i], filled(sizes[i], from + static_cast<int>(i)));
  });
}

TEST_P(ThreadRanks, MessagesOfOneTagArriveInOrder) {
  run_thread_ranks(n, [&](Communicator& c) {
    const int to = (c.rank() + 1) % n, from = (c.rank() + n - 1) % n;
    std::array<int, 50> in{};
    std::vector<Ticket> receives;
    for (int& i : in)
      receives.push_back(c.receive(from, 7, std::as_writable_bytes(std::span(&i, 1))));
    for (int i = 0; i < 50; ++i) c.wait(c.send(to, 7, std::as_bytes(std::span(&i, 1))), wait);
    for (Ticket t : receives) c.wait(t, wait);
    for (int i = 0; i < 50; ++i) EXPECT_EQ(in[static_cast<size_t>(i)], i);
  });
}

TEST_P(ThreadRanks, AWindowIsZeroAndSharedByTheRanksOfItsNodeAlone) {
  std::vector<int> nodes;
  for (int r = 0; r < n; ++r) nodes.push_back(r / 2);
  run_thread_ranks(
      n,
      [&](Communicator& c) {
        const auto window = c.window(4096);
        ASSERT_EQ(window->size(), 4096u);
        EXPECT_EQ(reinterpret_cast<uintptr_t>(window->data()) % 64, 0u);
        const Member& me = c.members()[static_cast<size_t>(c.rank())];
        EXPECT_EQ(me.node, c.rank() / 2);
        EXPECT_EQ(me.node_rank, c.rank() % 2);
        EXPECT_EQ(window->data()[me.node_rank], std::byte{0});
        c.barrier(wait);
        window->data()[me.node_rank] = static_cast<std::byte>(c.rank() + 1);
        c.barrier(wait);
        const int first = me.node * 2, ranks_here = std::min(2, n - first);
        for (int i = 0; i < ranks_here; ++i)
          EXPECT_EQ(window->data()[i], static_cast<std::byte>(first + i + 1));
        EXPECT_EQ(window->data()[ranks_here], std::byte{0});
        const auto second = c.window(64);
        EXPECT_NE(second->data(), window->data());
        c.close();
      },
      nodes);
}

INSTANTIATE_TEST_SUITE_P(Worlds, ThreadRanks, testing::Values(1, 2, 3, 4, 7),
                         [](const auto& p) { return std::to_string(p.param) + "Ranks"; });

// Every rank that threw, by rank; "" for those that did not.
std::vector<std::string> sentences_of(int n, const std::function<void(Communicator&)>& body,
                                      std::vector<int> nodes = {}) {
  std::vector<std::string> sentences(static_cast<size_t>(n));
  try {
    run_thread_ranks(
        n,
        [&](Communicator& c) {
          try {
            body(c);
          } catch (const std::exception& e) {
            sentences[static_cast<size_t>(c.rank())] = e.what();
            throw;
          }
        },
        std::move(nodes));
  } catch (const std::exception&) {  // the sentences are what is asked for
  }
  return sentences;
}

TEST(ThreadComm, ADeadlineNamesTheMissingRankForAllWhoWaited) {
  std::atomic<int> given_up{0};
  const auto sentences =
      sentences_of(3,
                   [&](Communicator& c) {
                     if (c.rank() == 2) {
                       while (given_up < 2)
                         std::this_thread::sleep_for(std::chrono::milliseconds(1));
                       return;
                     }
                     const struct Count {
                       std::atomic<int>& n;
                       ~Count() { ++n; }
                     } count{given_up};
                     c.barrier({.seconds = 0.1, .what = "parameter hashes", .step = 17});
                   },
                   {0, 0, 1});
  EXPECT_THAT(sentences[0],
              testing::MatchesRegex(
                  "rank 0 \\(host node0\\) waited 0\\.[0-9]+ s for parameter hashes at step 17: "
                  "no answer from rank 2 \\(host node1, pid [0-9]+\\)"));
  EXPECT_EQ(sentences[1], sentences[0]);
  EXPECT_EQ(sentences[2], "");
}

TEST(ThreadComm, AMissingFirstRankIsNamedToo) {
  const auto sentences = sentences_of(2, [&](Communicator& c) {
    if (c.rank() == 1) return c.barrier({.seconds = 0.1, .what = "the verdict"});
    std::this_thread::sleep_for(std::chrono::milliseconds(2500));
  });
  EXPECT_THAT(sentences[1], StartsWith("rank 1 (host node0) waited 0.1 s for the verdict: no "
                                       "answer from rank 0 (host node0, pid "));
}

TEST(ThreadComm, AReceiveNamesTheSenderThatDidNotSend) {
  std::atomic<bool> done{false};
  const auto sentences = sentences_of(2, [&](Communicator& c) {
    std::byte byte{};
    if (c.rank() == 1) {
      while (!done) std::this_thread::sleep_for(std::chrono::milliseconds(1));
      return;
    }
    const Ticket ticket = c.receive(1, 3, {&byte, 1});
    EXPECT_FALSE(c.test(ticket));
    try {
      c.wait(ticket, {.seconds = 0.05, .what = "a piece", .step = 4});
    } catch (const CommError& e) {
      EXPECT_THAT(e.hint(), HasSubstr("run.timeout"));
      done = true;
      throw;
    }
  });
  EXPECT_THAT(sentences[0], StartsWith("rank 0 (host node0) waited 0.05 s for a piece at step 4: "
                                       "no answer from rank 1 (host node0, pid "));
}

TEST(ThreadComm, ABodyThatThrowsStopsTheOthersWithItsReason) {
  for (int culprit = 0; culprit < 3; ++culprit) {
    const auto sentences = sentences_of(3, [&](Communicator& c) {
      if (c.rank() == culprit) throw DataError("batch 12 is corrupt");
      c.barrier({.what = "the verdict"});
    });
    const std::string cause =
        "rank " + std::to_string(culprit) + " (host node0) failed: batch 12 is corrupt";
    for (int r = 0; r < 3; ++r)
      EXPECT_EQ(sentences[static_cast<size_t>(r)], r == culprit ? "batch 12 is corrupt" : cause);
  }
}

TEST(ThreadComm, AbortTellsTheOthersWhy) {
  const auto sentences = sentences_of(2, [&](Communicator& c) {
    if (c.rank() == 0) return c.abort("disk full", ExitCode::data);
    c.barrier({.what = "the verdict"});
  });
  EXPECT_EQ(sentences[1], "rank 0 (host node0) failed: disk full");
}

TEST(ThreadComm, ARankThatEndedIsNotWaitedFor) {
  const auto sentences = sentences_of(2, [&](Communicator& c) {
    if (c.rank() == 0) c.barrier({.what = "the verdict", .step = 3});
  });
  EXPECT_EQ(sentences[0],
            "rank 1 (host node0) ended; rank 0 (host node0) waited for the verdict at step 3");
}

// Polls as a caller would who has several operations under way.
void poll(Communicator& c, Ticket ticket, const Wait& wait) {
  const auto start = Clock::now();
  for (int round = 0; !c.test(ticket); ++round) {
    c.check(std::span(&ticket, 1), wait, start);
    c.idle(round);
  }
}

TEST(ThreadComm, PollingEndsAsWaitingDoes) {
  const Wait wait{.seconds = 0.3, .what = "a bucket", .step = 7};
  const auto poll_rank_1 = [&](Communicator& c, const Wait& w) {
    std::vector<std::byte> data(8);
    poll(c, c.receive(1, 5, data), w);
    EXPECT_EQ(data, filled(8, 3));
  };
  auto sentences = sentences_of(2, [&](Communicator& c) {
    if (c.rank() == 0) return poll_rank_1(c, {.seconds = 20, .what = "a bucket"});
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
    const auto data = filled(8, 3);
    poll(c, c.send(0, 5, data), wait);
  });
  EXPECT_EQ(sentences[0] + sentences[1], "");
  sentences = sentences_of(2, [&](Communicator& c) {
    if (c.rank() == 0) {
      poll_rank_1(c, wait);
    } else {
      std::vector<std::byte> never(8);
      poll(c, c.receive(0, 5, never), {.seconds = 20, .what = "nothing"});
    }
  });
  EXPECT_THAT(sentences[0],
              StartsWith("rank 0 (host node0) waited 0.3 s for a bucket at step 7: no "
                         "answer from rank 1 (host node0, pid "));
  EXPECT_EQ(sentences[1], sentences[0]);
  sentences = sentences_of(2, [&](Communicator& c) {
    if (c.rank() == 1) throw DataError("bad sample");
    poll_rank_1(c, {.seconds = 20, .what = "a bucket"});
  });
  EXPECT_EQ(sentences[0], "rank 1 (host node0) failed: bad sample");
  sentences = sentences_of(2, [&](Communicator& c) {
    if (c.rank() == 0) poll_rank_1(c, {.seconds = 20, .what = "a bucket", .step = 7});
  });
  EXPECT_EQ(sentences[0],
            "rank 1 (host node0) ended; rank 0 (host node0) waited for a bucket at step 7");
}

TEST(ThreadComm, ACancelledReceiveTouchesItsBytesNoMore) {
  run_thread_ranks(2, [](Communicator& c) {
    const Wait wait{.seconds = 20, .what = "the test"};
    std::vector<std::byte> first(8), second(8);
    if (c.rank() == 0) c.cancel(c.receive(1, 5, first));
    c.barrier(wait);
    const auto data = filled(8, 3);
    c.wait(c.rank() == 0 ? c.receive(1, 5, second) : c.send(0, 5, data), wait);
    if (c.rank() != 0) return;
    EXPECT_EQ(first, filled(8, 0));
    EXPECT_EQ(second, data);
  });
}

TEST(ThreadComm, RanksThatMakeDifferentCallsAreToldSo) {
  const auto sentences = sentences_of(2, [&](Communicator& c) {
    if (c.rank() == 0) c.barrier({.what = "the verdict"});
    if (c.rank() == 1) c.all_gather({}, {.what = "names"});
  });
  EXPECT_EQ(sentences[0],
            "rank 0 (host node0) is in barrier for the verdict, but rank 1 (host node0) is in "
            "all_gather: ranks do not make the same calls");
  EXPECT_EQ(sentences[1], sentences[0]);
}

TEST(ThreadComm, LengthsThatDoNotAgreeAreErrorsWithBothValues) {
  auto sentences = sentences_of(2, [&](Communicator& c) {
    std::vector<std::byte> data(c.rank() == 0 ? 8 : 16);
    c.broadcast(data, 0, {.what = "the seed"});
  });
  EXPECT_EQ(sentences[1], "rank 1 (host node0) expected 16 bytes of the seed, rank 0 sent 8");
  sentences = sentences_of(2, [&](Communicator& c) {
    std::vector<std::byte> data(c.rank() == 0 ? 8 : 16);
    c.wait(c.rank() == 0 ? c.send(1, 5, data) : c.receive(0, 5, data), {.what = "a piece"});
  });
  EXPECT_EQ(sentences[1], "rank 1 (host node0) expected 16 bytes with tag 5 from rank 0, got 8");
  sentences = sentences_of(2, [&](Communicator& c) { c.window(c.rank() == 0 ? 64 : 128); });
  EXPECT_EQ(
      sentences[0],
      "rank 0 (host node0) asks for a shared window of 64 bytes, rank 1 (host node0) for 128");
  EXPECT_EQ(
      sentences[1],
      "rank 1 (host node0) asks for a shared window of 128 bytes, rank 0 (host node0) for 64");
}

TEST(ThreadComm, RanksAndTagsThatDoNotExistAreRefused) {
  const auto sentence = [](const std::function<void(Communicator&)>& call) {
    return sentences_of(1, call)[0];
  };
  EXPECT_THAT(
      sentence([](Communicator& c) { c.send(1, 0, {}); }),
      HasSubstr("cannot send to rank 1 with tag 0: there are 1 ranks, and tags end at 32767"));
  EXPECT_THAT(sentence([](Communicator& c) { c.receive(0, 32768, {}); }),
              HasSubstr("cannot receive from rank 0 with tag 32768"));
  EXPECT_THAT(sentence([](Communicator& c) { c.broadcast({}, 2, {}); }),
              HasSubstr("cannot broadcast from rank 2: there are 1 ranks"));
}

TEST(LocalCommunicator, IsAWorldOfOne) {
  const auto c = make_local_communicator();
  EXPECT_EQ(c->rank(), 0);
  EXPECT_EQ(c->size(), 1);
  EXPECT_FALSE(c->members()[0].host.empty());
  c->barrier({});
  EXPECT_THAT(c->all_gather(filled(3, 9), {}), testing::ElementsAre(filled(3, 9)));
  EXPECT_EQ(c->window(10)->size(), 10u);
  c->close();
  c->abort("nobody hears this", ExitCode::failure);
}

}  // namespace
}  // namespace trireme
