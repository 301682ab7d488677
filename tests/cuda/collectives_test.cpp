// The plugin's table of collectives, as far as it goes without a device.

#include <dlfcn.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>

#include "kernels/cuda/context.h"

namespace trireme::cu {
namespace {

using testing::HasSubstr;

const CollectiveFunctions& f = collective_functions();

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value ? value : "";
}

TEST(NcclCollectives, TheTableIsComplete) {
  void* entries[sizeof f / sizeof(void*)];
  std::memcpy(entries, &f, sizeof f);
  for (const void* entry : entries) EXPECT_NE(entry, nullptr);
}

TEST(NcclCollectives, AnIdNeedsNoDevice) {
  const Membership me{.rank = 0, .size = 2, .shared_device = 0, .one_host = 1};
  CollectiveId first{}, second{};
  ASSERT_EQ(f.make_id(nullptr, &me, &first), DeviceStatus::ok) << f.last_error();
  ASSERT_EQ(f.make_id(nullptr, &me, &second), DeviceStatus::ok) << f.last_error();
  EXPECT_NE(std::memcmp(&first, &second, sizeof first), 0);
}

TEST(NcclCollectives, WithoutADriverJoiningFailsWithAReason) {
  if (dlopen("libcuda.so.1", RTLD_LAZY | RTLD_LOCAL)) GTEST_SKIP() << "this machine has a driver";
  const auto context = std::make_unique<DeviceContext>();
  const Membership me{.rank = 0, .size = 2, .shared_device = 0, .one_host = 1};
  const CollectiveId id{};
  CollectiveGroup* group = nullptr;
  EXPECT_EQ(f.join(context.get(), &me, &id, &group), DeviceStatus::failed);
  EXPECT_THAT(f.last_error(), HasSubstr("cudaSetDevice: cudaErrorInsufficientDriver"));
  EXPECT_EQ(group, nullptr);
  f.release(group);
}

TEST(NcclCollectives, ASharedDeviceMeansSocketsUnlessTheUserSaysOtherwise) {
  ASSERT_EQ(setenv("NCCL_NET", "the user's", 1), 0);
  CollectiveId id{};
  Membership me{.rank = 0, .size = 2, .shared_device = 0, .one_host = 1};
  ASSERT_EQ(f.make_id(nullptr, &me, &id), DeviceStatus::ok);
  EXPECT_EQ(environment("NCCL_HOSTID"), "");
  me.shared_device = 1;
  me.one_host = 0;
  ASSERT_EQ(f.make_id(nullptr, &me, &id), DeviceStatus::ok);
  EXPECT_EQ(environment("NCCL_HOSTID"), "trireme-rank-0");
  EXPECT_EQ(environment("NCCL_IB_DISABLE"), "1");
  EXPECT_EQ(environment("NCCL_SOCKET_IFNAME"), "");
  EXPECT_EQ(environment("NCCL_NET"), "the user's");
  me.one_host = 1;
  ASSERT_EQ(f.make_id(nullptr, &me, &id), DeviceStatus::ok);
  EXPECT_EQ(environment("NCCL_SOCKET_IFNAME"), "lo");
}

}  // namespace
}  // namespace trireme::cu
