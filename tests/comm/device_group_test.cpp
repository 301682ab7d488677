// DeviceGroup over collectives of host memory, its ranks being threads.

#include "comm/device_group.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <bit>
#include <numeric>
#include <stdexcept>

#include "comm/thread_collectives.h"
#include "comm/thread_comm.h"
#include "kernels/kernel_table.h"

namespace trireme {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::Each;
using testing::ElementsAre;
using testing::EndsWith;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;
using testing::StrEq;
using Call = ThreadCollectives::Call;

constexpr KernelTable kNoKernels{};
const Wait kEnd{.seconds = 20, .what = "the end of the group"};

class Host : public Device {
 public:
  explicit Host(const ThreadCollectives& collectives, std::string bus_id = "",
                const DeviceFunctions& functions = host_functions())
      : Device(functions, nullptr, kNoKernels, "host",
               {&collectives.functions(), std::move(bus_id)}) {}
};

class DeviceGroupTest : public testing::TestWithParam<int> {
 protected:
  // Calls body(group, device, comm) on every rank and closes the group.
  template <class Body>
  void run(Body&& body) {
    run_thread_ranks(n, [&](Communicator& comm) {
      const Host device(collectives);
      DeviceGroup group(comm, device, 20);
      body(group, device, comm);
      group.close(kEnd);
    });
  }
  // What calls(rank) must be; a rank that is alone calls nothing.
  void expect_calls(std::vector<std::string> between) {
    for (int rank = 0; rank < n; ++rank) {
      std::vector<std::string> all;
      if (rank == 0) all.emplace_back("make_id");
      all.push_back("join " + std::to_string(rank) + " of " + std::to_string(n));
      all.insert(all.end(), between.begin(), between.end());
      all.insert(all.end(), {"close", "release"});
      if (n == 1) all.clear();
      EXPECT_EQ(collectives.calls(rank), all);
    }
  }

  const int n = GetParam();
  ThreadCollectives collectives;
  const DeviceStream stream;
};

TEST_P(DeviceGroupTest, AllReduceGivesTheSumToEveryRank) {
  run([&](DeviceGroup& group, const Device&, Communicator& comm) {
    std::vector<float> floats(1003);
    std::iota(floats.begin(), floats.end(), static_cast<float>(comm.rank() * 7));
    std::vector<double> doubles(31, 0.1 * (comm.rank() + 1));
    group.all_reduce(floats.data(), floats.size(), stream);
    group.all_reduce(doubles.data(), doubles.size(), stream);
    std::vector<Bf16> halves(5, Bf16{0x3f80});  // 1
    group.all_reduce(halves.data(), halves.size(), stream);
    for (const Bf16 half : halves)
      EXPECT_EQ(std::bit_cast<float>(uint32_t{half.bits} << 16), static_cast<float>(n));
    group.all_reduce(static_cast<float*>(nullptr), 0, stream);
    double expected = 0;
    for (int r = 0; r < n; ++r) expected += 0.1 * (r + 1);
    EXPECT_EQ(doubles, std::vector<double>(31, expected));
    for (size_t i = 0; i < floats.size(); ++i)
      ASSERT_EQ(floats[i], static_cast<float>(n) * static_cast<float>(i) +
                               static_cast<float>(7 * n * (n - 1) / 2));
  });
  expect_calls({"all_reduce 1003 f32", "all_reduce 31 f64", "all_reduce 5 bf16"});
}

TEST_P(DeviceGroupTest, ReduceScatterAndAllGatherMakeAnAllReduce) {
  run([&](DeviceGroup& group, const Device&, Communicator& comm) {
    constexpr size_t kEach = 33;
    const size_t all = kEach * static_cast<size_t>(n);
    std::vector<float> data(all);
    std::iota(data.begin(), data.end(), static_cast<float>(comm.rank()));
    std::vector<float> expected = data;
    group.all_reduce(expected.data(), all, stream);
    float* mine = data.data() + kEach * static_cast<size_t>(comm.rank());
    std::vector<float> elsewhere(kEach), gathered(all);
    group.reduce_scatter(data.data(), elsewhere.data(), kEach, stream);
    group.all_gather(elsewhere.data(), gathered.data(), kEach, stream);
    EXPECT_EQ(gathered, expected);
    group.reduce_scatter(data.data(), mine, kEach, stream);
    group.all_gather(mine, data.data(), kEach, stream);
    EXPECT_EQ(data, expected);
  });
}

TEST_P(DeviceGroupTest, BroadcastGivesTheRootsData) {
  run([&](DeviceGroup& group, const Device&, Communicator& comm) {
    for (int root = 0; root < n; ++root) {
      std::vector<float> data(5, static_cast<float>(comm.rank()));
      group.broadcast(data.data(), data.size(), root, stream);
      EXPECT_EQ(data, std::vector<float>(5, static_cast<float>(root)));
    }
  });
}

TEST_P(DeviceGroupTest, ABatchIsEndedAndRegisteredMemoryLetGo) {
  run([&](DeviceGroup& group, const Device& device, Communicator&) {
    const DeviceBuffer buffer = device.allocate(64, Memory::device, "gradients");
    group.register_memory(buffer);
    group.batch([&] {
      group.all_reduce(buffer.floats(), 8, stream);
      group.all_reduce(buffer.floats() + 8, 8, stream);
    });
    group.check({.what = "gradients"});
    group.wait(device.event(), {.what = "gradients"});
    group.close(kEnd);
    group.close(kEnd);
  });
  expect_calls({"register_memory 64", "begin_batch", "all_reduce 8 f32", "all_reduce 8 f32",
                "end_batch", "deregister_memory"});
}

INSTANTIATE_TEST_SUITE_P(Worlds, DeviceGroupTest, testing::Values(1, 2, 3, 4),
                         [](const auto& p) { return std::to_string(p.param) + "Ranks"; });

// What each rank of n threw, by rank; "" where it did not.
template <class Body>
std::vector<std::string> failures(int n, Body&& body) {
  std::vector<std::string> sentences(static_cast<size_t>(n));
  const auto run = [&](Communicator& comm) {
    try {
      body(comm);
    } catch (const CommError& e) {
      sentences[static_cast<size_t>(comm.rank())] = e.what();
      throw;
    }
  };
  EXPECT_THROW(run_thread_ranks(n, run), CommError);
  return sentences;
}

std::vector<std::string> failures_to_join(const ThreadCollectives& collectives, int n,
                                          double seconds) {
  return failures(n, [&](Communicator& comm) {
    const Host device(collectives);
    const DeviceGroup group(comm, device, seconds);
  });
}

TEST(DeviceGroupFailure, OneRankThatCannotJoinStopsAllWithOneSentence) {
  for (const Call call : {Call::join, Call::poll})
    for (int culprit : {0, 2}) {
      ThreadCollectives collectives;
      collectives.poison(culprit, call, "a reason");
      EXPECT_THAT(failures_to_join(collectives, 3, 20),
                  Each(StrEq("rank " + std::to_string(culprit) +
                             " (host node0): joining the group of all devices failed: a reason")));
      for (int rank = 0; rank < 3; ++rank) {
        const auto calls = collectives.calls(rank);
        if (call == Call::join && rank == culprit) continue;  // it never had a membership
        EXPECT_THAT(calls, Contains("abort"));
        EXPECT_EQ(calls.back(), "release");
      }
    }
}

TEST(DeviceGroupFailure, WithoutAnIdNobodyJoins) {
  ThreadCollectives collectives;
  collectives.poison(0, Call::make_id, "no network");
  EXPECT_THAT(failures_to_join(collectives, 3, 20),
              Each(StrEq("rank 0 (host node0): joining the group of all devices failed: no "
                         "network")));
  EXPECT_THAT(collectives.calls(1), IsEmpty());
}

TEST(DeviceGroupFailure, AMemberThatDoesNotComeIsNotWaitedForLongerThanTheDeadline) {
  ThreadCollectives collectives;
  collectives.stall(1, Call::join);
  const auto sentences = failures_to_join(collectives, 3, 0.1);
  EXPECT_THAT(sentences[0], AllOf(StartsWith("rank "), HasSubstr(" waited 0.1 s for the group of "
                                                                 "all devices: not all ranks ")));
  EXPECT_THAT(sentences, Each(sentences[0]));
}

TEST(DeviceGroupFailure, ADeviceWithoutCollectivesIsNoMember) {
  run_thread_ranks(2, [](Communicator& comm) {
    const Device device(host_functions(), nullptr, kNoKernels, "cpu");
    EXPECT_THROW(DeviceGroup(comm, device, 20), DeviceError);
  });
  run_thread_ranks(1, [](Communicator& comm) {
    const Device device(host_functions(), nullptr, kNoKernels, "cpu");
    EXPECT_EQ(DeviceGroup(comm, device, 20).size(), 1);
  });
}

TEST(DeviceGroupFailure, ARankThatLeavesBeforeItJoinsIsNamed) {
  ThreadCollectives collectives;
  const auto sentences = failures(2, [&](Communicator& comm) {
    if (comm.rank() == 1) throw CommError("disk full");
    const Host device(collectives);
    const DeviceGroup group(comm, device, 20);
  });
  EXPECT_EQ(sentences[0], "rank 1 (host node0) failed: disk full");
}

TEST(DeviceGroupFailure, AFailedCollectiveSaysWhereAndFailsTheOthers) {
  ThreadCollectives collectives;
  const auto sentences = failures(3, [&](Communicator& comm) {
    const Host device(collectives);
    DeviceGroup group(comm, device, 20);
    comm.barrier({.seconds = 20, .what = "all members"});
    if (comm.rank() == 1) collectives.poison(1, Call::collective, "a cable");
    float x = 1;
    group.all_reduce(&x, 1, DeviceStream());
  });
  EXPECT_THAT(sentences[1], AllOf(StartsWith("rank 1 (host node0): an all-reduce failed at "),
                                  HasSubstr("device_group_test.cpp:"), EndsWith(": a cable")));
  EXPECT_THAT(sentences[0], EndsWith(": a collective of rank 1 failed: a cable"));
  EXPECT_THAT(sentences[2], EndsWith(": a collective of rank 1 failed: a cable"));
}

TEST(DeviceGroupFailure, ADifferentOrderOfCallsIsSeenByTheDouble) {
  ThreadCollectives collectives;
  const auto sentences = failures(2, [&](Communicator& comm) {
    const Host device(collectives);
    DeviceGroup group(comm, device, 20);
    std::vector<float> data(4);
    group.all_reduce(data.data(), comm.rank() == 0 ? 3 : 4, DeviceStream());
  });
  EXPECT_THAT(sentences, Each(HasSubstr("others all_reduce")));
}

TEST(DeviceGroupFailure, AnAsynchronousErrorNamesWhatRankAndStep) {
  ThreadCollectives collectives;
  const auto sentences = failures(2, [&](Communicator& comm) {
    const Host device(collectives);
    DeviceGroup group(comm, device, 20);
    comm.barrier({.seconds = 20, .what = "all members"});
    collectives.poison(comm.rank(), Call::poll, "a remote process exited");
    group.check({.what = "bucket 3", .step = 17});
  });
  EXPECT_EQ(sentences[0],
            "rank 0 (host node0): bucket 3 at step 17 failed: a remote process exited");
  EXPECT_THAT(collectives.calls(0), Contains("abort").Times(1));
}

// Host memory with events that never happen.
const DeviceFunctions& never_done() {
  static const DeviceFunctions kFunctions = [] {
    DeviceFunctions f = host_functions();
    f.query_event = [](DeviceContext*, Event*) noexcept { return DeviceStatus::not_ready; };
    return f;
  }();
  return kFunctions;
}

TEST(DeviceGroupFailure, ADeadlineAbortsTheGroupAndNamesTheStep) {
  ThreadCollectives collectives;
  const auto sentences = failures(2, [&](Communicator& comm) {
    const Host device(collectives, "", never_done());
    DeviceGroup group(comm, device, 20);
    comm.barrier({.seconds = 20, .what = "all members"});
    if (comm.rank() == 1) return comm.barrier({.seconds = 20, .what = "the verdict"});
    try {
      group.wait(device.event(), {.seconds = 0.1, .what = "the gradients", .step = 17});
    } catch (const CommError& e) {
      EXPECT_EQ(collectives.calls(0).back(), "abort");
      EXPECT_THAT(e.hint(), HasSubstr("run.timeout"));
      throw;
    }
  });
  EXPECT_THAT(sentences[0], AllOf(StartsWith("rank 0 (host node0) waited 0.1 s for the gradients "
                                             "at step 17: "),
                                  HasSubstr("another rank may be missing")));
  EXPECT_EQ(collectives.calls(0).back(), "release");
}

TEST(DeviceGroupFailure, AWaitHearsWhyAnotherRankFailed) {
  ThreadCollectives collectives;
  const auto sentences = failures(2, [&](Communicator& comm) {
    const Host device(collectives, "", never_done());
    DeviceGroup group(comm, device, 20);
    comm.barrier({.seconds = 20, .what = "all members"});
    if (comm.rank() == 1) {
      comm.abort("disk full", ExitCode::data);  // its group stays: only the ranks' talk tells
      return comm.barrier({.seconds = 20, .what = "nothing"});
    }
    group.wait(device.event(), {.seconds = 20, .what = "the gradients", .step = 17});
  });
  EXPECT_EQ(sentences[0], "rank 1 (host node0) failed: disk full");
  EXPECT_THAT(collectives.calls(0), Contains("abort").Times(1));
}

TEST(DeviceGroupFailure, AloneTooADeadlineEndsAWait) {
  ThreadCollectives collectives;
  const auto sentences = failures(1, [&](Communicator& comm) {
    const Host device(collectives, "", never_done());
    DeviceGroup group(comm, device, 20);
    group.wait(device.event(), {.seconds = 0.05, .what = "the step", .step = 3});
  });
  EXPECT_EQ(sentences[0],
            "rank 0 (host node0) waited 0.05 s for the step at step 3: the device has not "
            "finished");
}

TEST(DeviceGroupFailure, ACloseThatNobodyAnswersEndsAtTheDeadline) {
  ThreadCollectives collectives;
  const auto sentences = failures(2, [&](Communicator& comm) {
    const Host device(collectives);
    DeviceGroup group(comm, device, 20);
    collectives.stall(1, Call::close);
    group.close({.seconds = 0.1, .what = "the end of the group"});
  });
  EXPECT_THAT(sentences, Contains(HasSubstr(" waited 0.1 s for the end of the group")));
  EXPECT_THAT(collectives.calls(0), AllOf(Contains("close").Times(1), Contains("abort").Times(1)));
}

TEST(DeviceGroupFailure, TheDestructorAbortsWhatWasNotClosed) {
  ThreadCollectives collectives;
  EXPECT_THROW(run_thread_ranks(2,
                                [&](Communicator& comm) {
                                  const Host device(collectives);
                                  const DeviceGroup group(comm, device, 20);
                                  throw std::runtime_error("something else");
                                }),
               std::runtime_error);
  for (int rank : {0, 1}) {
    const auto calls = collectives.calls(rank);
    ASSERT_GE(calls.size(), 2u);
    EXPECT_THAT((std::vector<std::string>(calls.end() - 2, calls.end())),
                ElementsAre("abort", "release"));
  }
}

TEST(DeviceGroupFailure, AThrowingBatchIsEnded) {
  ThreadCollectives collectives;
  run_thread_ranks(2, [&](Communicator& comm) {
    const Host device(collectives);
    DeviceGroup group(comm, device, 20);
    EXPECT_THROW(group.batch([] { throw std::runtime_error("no"); }), std::runtime_error);
    group.close(kEnd);
  });
  EXPECT_THAT(collectives.calls(1),
              ElementsAre("join 1 of 2", "begin_batch", "end_batch", "close", "release"));
}

struct Placement {
  std::vector<std::string> bus_ids;
  std::vector<int> nodes;
  bool shared, one_host;
};

TEST(DeviceGroupMembership, ASharedDeviceIsToldByHostAndBusId) {
  for (const auto& [bus_ids, nodes, shared, one_host] :
       {Placement{{"0:1", "0:2"}, {0, 0}, false, true},
        Placement{{"0:1", "0:1"}, {0, 0}, true, true},
        Placement{{"0:1", "0:1"}, {0, 1}, false, false},
        Placement{{"0:1", "0:2", "0:2"}, {0, 1, 1}, true, false},
        Placement{{"", ""}, {0, 0}, false, true}}) {
    ThreadCollectives collectives;
    const int n = static_cast<int>(nodes.size());
    run_thread_ranks(
        n,
        [&, &ids = bus_ids](Communicator& comm) {
          const Host device(collectives, ids[static_cast<size_t>(comm.rank())]);
          DeviceGroup(comm, device, 20).close(kEnd);
        },
        nodes);
    for (int rank = 0; rank < n; ++rank) {
      EXPECT_EQ(collectives.membership(rank).shared_device != 0, shared);
      EXPECT_EQ(collectives.membership(rank).one_host != 0, one_host);
    }
  }
}

}  // namespace
}  // namespace trireme
