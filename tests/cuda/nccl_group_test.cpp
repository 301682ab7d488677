// The life of a membership, over a stand-in for NCCL that fails and waits when told to.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <thread>
#include <utility>

#include "cuda/fake_nccl.h"
#include "kernels/cuda/context.h"

namespace trireme::cu {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

const CollectiveFunctions& f = collective_functions();

class NcclGroupTest : public testing::Test {
 protected:
  void SetUp() override { fake_nccl().reset(); }
  void TearDown() override {
    fake_nccl().let_go();
    f.release(group);
  }
  void join() {
    const Membership me{.rank = 1, .size = 2, .shared_device = 0, .one_host = 1};
    const CollectiveId id{};
    ASSERT_EQ(f.join(context.get(), &me, &id, &group), DeviceStatus::ok) << f.last_error();
  }
  DeviceStatus settled() {
    DeviceStatus status;
    while ((status = f.poll(group)) == DeviceStatus::not_ready)
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    return status;
  }
  DeviceStatus all_reduce() {
    return f.all_reduce(group, nullptr, 4, CollectiveType::f32, nullptr);
  }

  const std::unique_ptr<DeviceContext> context = std::make_unique<DeviceContext>();
  CollectiveGroup* group = nullptr;
};

TEST_F(NcclGroupTest, JoiningIsReadyWhenNcclIs) {
  fake_nccl().hold("ncclCommInitRankConfig");
  join();
  ASSERT_TRUE(fake_nccl().called_soon("ncclCommInitRankConfig"));
  EXPECT_EQ(f.poll(group), DeviceStatus::not_ready);
  EXPECT_EQ(all_reduce(), DeviceStatus::failed);
  EXPECT_THAT(f.last_error(), HasSubstr("the group has no communicator"));
  fake_nccl().let_go();
  EXPECT_EQ(settled(), DeviceStatus::ok);
  EXPECT_EQ(all_reduce(), DeviceStatus::ok);
}

TEST_F(NcclGroupTest, EveryEntryCallsItsFunction) {
  join();
  ASSERT_EQ(settled(), DeviceStatus::ok);
  float data[8];
  RegisteredMemory* memory = nullptr;
  EXPECT_EQ(f.register_memory(group, data, sizeof data, &memory), DeviceStatus::ok);
  EXPECT_EQ(f.begin_batch(group), DeviceStatus::ok);
  EXPECT_EQ(all_reduce(), DeviceStatus::ok);
  EXPECT_EQ(f.end_batch(group), DeviceStatus::ok);
  EXPECT_EQ(f.reduce_scatter(group, data, data, 4, CollectiveType::f32, nullptr), DeviceStatus::ok);
  EXPECT_EQ(f.all_gather(group, data, data, 4, CollectiveType::f64, nullptr), DeviceStatus::ok);
  EXPECT_EQ(f.broadcast(group, data, 4, CollectiveType::bf16, 0, nullptr), DeviceStatus::ok);
  EXPECT_EQ(f.deregister_memory(group, memory), DeviceStatus::ok);
  EXPECT_EQ(f.deregister_memory(group, nullptr), DeviceStatus::ok);
  EXPECT_EQ(f.close(group), DeviceStatus::ok);
  EXPECT_EQ(settled(), DeviceStatus::ok);
  f.abort(group);  // after the end: nothing
  EXPECT_THAT(
      fake_nccl().calls(),
      ElementsAre("ncclCommInitRankConfig", "ncclCommRegister", "ncclGroupStart", "ncclAllReduce",
                  "ncclGroupEnd", "ncclReduceScatter", "ncclAllGather", "ncclBroadcast",
                  "ncclCommDeregister", "ncclCommFinalize", "ncclCommDestroy"));
}

TEST_F(NcclGroupTest, SumsAreOfTheTypeAskedFor) {
  join();
  ASSERT_EQ(settled(), DeviceStatus::ok);
  for (const auto& [type, wanted] : {std::pair{CollectiveType::f32, ncclFloat32},
                                     {CollectiveType::f64, ncclFloat64},
                                     {CollectiveType::f16, ncclFloat16},
                                     {CollectiveType::bf16, ncclBfloat16}}) {
    EXPECT_EQ(f.all_reduce(group, nullptr, 4, type, nullptr), DeviceStatus::ok);
    EXPECT_EQ(fake_nccl().summed, wanted);
    EXPECT_EQ(fake_nccl().operation, ncclSum);
  }
}

TEST_F(NcclGroupTest, AFailureToJoinIsExplained) {
  fake_nccl().fail("ncclCommInitRankConfig", ncclInvalidUsage);
  join();
  EXPECT_EQ(settled(), DeviceStatus::failed);
  EXPECT_STREQ(f.last_error(), "NCCL: ncclCommInitRankConfig: an error: its details");
}

TEST_F(NcclGroupTest, ACommunicatorThatComesAfterTheAbortIsAborted) {
  fake_nccl().hold("ncclCommInitRankConfig");
  join();
  f.abort(group);
  EXPECT_EQ(f.poll(group), DeviceStatus::failed);
  EXPECT_THAT(f.last_error(), HasSubstr("the group was aborted"));
  f.release(std::exchange(group, nullptr));
  fake_nccl().let_go();
  EXPECT_TRUE(fake_nccl().called_soon("ncclCommAbort"));
}

TEST_F(NcclGroupTest, AFailedCollectiveIsExplained) {
  join();
  ASSERT_EQ(settled(), DeviceStatus::ok);
  fake_nccl().fail("ncclAllReduce", ncclSystemError);
  EXPECT_EQ(all_reduce(), DeviceStatus::failed);
  EXPECT_STREQ(f.last_error(), "NCCL: ncclAllReduce: an error: its details");
}

TEST_F(NcclGroupTest, AnAsynchronousErrorIsSeenByPolling) {
  join();
  ASSERT_EQ(settled(), DeviceStatus::ok);
  fake_nccl().set_asynchronous_error(ncclRemoteError);
  EXPECT_EQ(f.poll(group), DeviceStatus::failed);
  EXPECT_STREQ(f.last_error(), "NCCL: asynchronous error: an error: its details");
}

TEST_F(NcclGroupTest, ACloseThatWaitsForPeersIsNotReady) {
  join();
  ASSERT_EQ(settled(), DeviceStatus::ok);
  fake_nccl().hold("ncclCommFinalize");
  EXPECT_EQ(f.close(group), DeviceStatus::ok);
  ASSERT_TRUE(fake_nccl().called_soon("ncclCommFinalize"));
  EXPECT_EQ(f.poll(group), DeviceStatus::not_ready);
  f.abort(group);
  EXPECT_EQ(f.poll(group), DeviceStatus::failed);
  fake_nccl().let_go();
  EXPECT_TRUE(fake_nccl().called_soon("ncclCommDestroy"));
}

TEST_F(NcclGroupTest, ACloseThatFailsAborts) {
  join();
  ASSERT_EQ(settled(), DeviceStatus::ok);
  fake_nccl().fail("ncclCommFinalize", ncclRemoteError);
  EXPECT_EQ(f.close(group), DeviceStatus::ok);
  EXPECT_EQ(settled(), DeviceStatus::failed);
  EXPECT_THAT(fake_nccl().calls(), Contains("ncclCommAbort"));
  EXPECT_THAT(fake_nccl().calls(), Not(Contains("ncclCommDestroy")));
}

TEST_F(NcclGroupTest, AnAbortLetsACallOfAnotherThreadFinish) {
  join();
  ASSERT_EQ(settled(), DeviceStatus::ok);
  fake_nccl().hold("ncclAllReduce");
  std::jthread other([&] { (void)all_reduce(); });
  ASSERT_TRUE(fake_nccl().called_soon("ncclAllReduce"));
  std::jthread aborting([&] { f.abort(group); });
  while (f.poll(group) != DeviceStatus::failed) std::this_thread::yield();
  EXPECT_THAT(fake_nccl().calls(), Not(Contains("ncclCommAbort")));
  fake_nccl().let_go();
  EXPECT_TRUE(fake_nccl().called_soon("ncclCommAbort"));
}

TEST_F(NcclGroupTest, ACallThatDoesNotFinishIsAbortedAllTheSame) {
  join();
  ASSERT_EQ(settled(), DeviceStatus::ok);
  fake_nccl().hold("ncclAllReduce");
  std::jthread other([&] { (void)all_reduce(); });
  ASSERT_TRUE(fake_nccl().called_soon("ncclAllReduce"));
  f.abort(group);
  EXPECT_TRUE(fake_nccl().called_soon("ncclCommAbort"));
  fake_nccl().let_go();
}

TEST_F(NcclGroupTest, AnAbortThatHangsIsLeftBehind) {
  join();
  ASSERT_EQ(settled(), DeviceStatus::ok);
  fake_nccl().hold("ncclCommAbort");
  f.abort(group);  // returns
  EXPECT_THAT(fake_nccl().calls(), Contains("ncclCommAbort"));
  EXPECT_EQ(all_reduce(), DeviceStatus::failed);
  EXPECT_THAT(f.last_error(), HasSubstr("the group was aborted"));
}

TEST_F(NcclGroupTest, ReleasingAbortsWhatWasNotClosed) {
  join();
  ASSERT_EQ(settled(), DeviceStatus::ok);
  f.release(std::exchange(group, nullptr));
  EXPECT_THAT(fake_nccl().calls(), ElementsAre("ncclCommInitRankConfig", "ncclCommAbort"));
}

}  // namespace
}  // namespace trireme::cu
