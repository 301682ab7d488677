// Loading a plugin: what is missing is said in one sentence. The plugins are the fakes beside this
// file.

#include "kernels/cuda_plugin.h"

#include <dlfcn.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "base/error.h"
#include "comm/thread_comm.h"
#include "worker/agreement.h"
#include "worker/choose_device.h"

namespace trireme {
namespace {

using testing::AllOf;
using testing::EndsWith;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Property;
using testing::Throws;

CudaPlugin fake(const std::string& name) {
  return CudaPlugin::load(std::string(TRIREME_FAKES) + "/" + name + ".so");
}

TEST(CudaPluginTest, AMissingPluginIsNamed) {
  const CudaPlugin plugin = fake("not_there");
  EXPECT_THAT(plugin.reason(), AllOf(HasSubstr("there is no plugin at"), EndsWith("not_there.so")));
  EXPECT_THAT(plugin.hint(), HasSubstr("nvcc"));
  EXPECT_FALSE(plugin.loaded());
  EXPECT_EQ(plugin.devices(), 0);
}

TEST(CudaPluginTest, WithoutADriverNothingIsLoadedForAuto) {
  if (dlopen("libcuda.so.1", RTLD_LAZY | RTLD_LOCAL)) GTEST_SKIP() << "this machine has a driver";
  const CudaPlugin plugin = CudaPlugin::load_where_a_driver_is();
  EXPECT_FALSE(plugin.loaded());
  EXPECT_EQ(plugin.devices(), 0);
  EXPECT_EQ(plugin.reason(), "no CUDA driver on this machine (libcuda.so.1 was not found)");
}

TEST(CudaPluginTest, AFileThatIsNoSharedObjectDoesNotLoad) {
  const std::string path = testing::TempDir() + "text.so";
  std::ofstream(path) << "not a library";
  EXPECT_THAT(CudaPlugin::load(path).reason(), HasSubstr("the plugin does not load: "));
}

TEST(CudaPluginTest, ALibraryWithoutTheSymbolIsNoPlugin) {
  EXPECT_THAT(fake("no_symbol").reason(), HasSubstr("it lacks trireme_cuda_plugin"));
}

TEST(CudaPluginTest, APluginOfAnotherBuildIsRefusedWithBothIds) {
  const CudaPlugin plugin = fake("other_build");
  EXPECT_THAT(plugin.reason(), HasSubstr("is of another build: its contract is "));
  EXPECT_FALSE(plugin.loaded());
}

TEST(CudaPluginTest, APluginWithoutADeviceSaysWhyAndWhichDriver) {
  const CudaPlugin plugin = fake("no_device");
  EXPECT_EQ(plugin.reason(), "no CUDA device: a reason from the plugin");
  EXPECT_TRUE(plugin.loaded());
  EXPECT_EQ(plugin.driver(), "12.4");
  EXPECT_EQ(plugin.runtime(), "13.0");
  EXPECT_THAT([&] { plugin.open(0, true); }, Throws<DeviceError>());
}

TEST(CudaPluginTest, DevicesAreDescribedAndOpened) {
  const CudaPlugin plugin = fake("devices");
  EXPECT_THAT(plugin.reason(), IsEmpty());
  ASSERT_EQ(plugin.devices(), 2);
  EXPECT_EQ(plugin.describe(0).memory_free, 0u);
  EXPECT_EQ(plugin.probe(0).memory_free, 1u << 19);
  const auto device = plugin.open(0, true);
  EXPECT_EQ(device->name(), "cuda 0 (Fake 0)");
  EXPECT_FALSE(device->is_host());
  EXPECT_NE(device->links().collectives, nullptr);
  EXPECT_EQ(device->links().bus_id, "0000:01:00.0");
  const DeviceBuffer buffer = device->allocate(1000, Memory::device, "a buffer");
  EXPECT_EQ(buffer.size(), 1000u);
}

TEST(CudaPluginTest, ADeviceIsOpenedInFp32OrInAPrecisionThatIsAskedFor) {
  const CudaPlugin plugin = fake("devices");
  EXPECT_EQ(plugin.open(0, true)->kernels().element, ElementType::f32);
  EXPECT_EQ(plugin.open(0, true, Precision::tf32)->kernels().element, ElementType::f32);
  EXPECT_EQ(plugin.open(0, true, Precision::bf16)->kernels().element, ElementType::bf16);
  EXPECT_EQ(plugin.open(0, true, Precision::fp16)->kernels().element, ElementType::f16);
}

TEST(CudaPluginTest, ADeviceThatIsNotUsableSaysWhy) {
  EXPECT_THAT(
      [] { fake("devices").open(1, true); },
      Throws<DeviceError>(Property(
          &Error::what, HasSubstr("CUDA device 1 cannot be opened: compute capability 7.0"))));
}

TEST(CudaPluginTest, WhatDoesNotFitNamesBytesWantedAndFreeAndTheKeys) {
  const auto device = fake("devices").open(0, true);
  EXPECT_THAT(
      [&] { device->allocate(2 << 20, Memory::device, "the arena"); },
      Throws<DeviceError>(AllOf(
          Property(&Error::what, AllOf(HasSubstr("the arena does not fit: 2097152 bytes"),
                                       HasSubstr("524288 bytes"), HasSubstr("plugin_test.cpp:"))),
          Property(&Error::hint, HasSubstr("train.batch_size")))));
}

TEST(CudaPluginTest, AFailedCallSaysWhatTheDeviceSaid) {
  const auto device = fake("devices").open(0, true);
  EXPECT_THAT(
      [&] { (void)device->milliseconds(device->event(), device->event()); },
      Throws<DeviceError>(Property(&Error::what, AllOf(HasSubstr("reading a time failed at"),
                                                       EndsWith("the fake says no")))));
}

RunConfig run_config(const std::string& device, std::vector<int64_t> ids = {}) {
  RunConfig run{};
  run.device = device;
  run.device_ids = std::move(ids);
  run.timeout = 20;
  return run;
}

TEST(ChooseDeviceTest, EveryRankThrowsTheSameSentence) {
  run_thread_ranks(2, [](Communicator& comm) {
    EXPECT_THAT(
        [&] { choose_device(comm, run_config("cuda"), fake("no_device")); },
        Throws<AgreedError>(AllOf(
            Property(&Error::what,
                     testing::StrEq("run.device = cuda: no CUDA device: a reason from the plugin")),
            Property(&Error::code, ExitCode::device))));
  });
}

TEST(ChooseDeviceTest, AutoTakesTheCpuAndSaysWhy) {
  run_thread_ranks(2, [](Communicator& comm) {
    const DeviceChoice choice = choose_device(comm, run_config("auto"), fake("no_device"));
    EXPECT_EQ(choice.ordinal, -1);
    EXPECT_EQ(choice.why, "cpu (run.device = auto: no CUDA device: a reason from the plugin)");
  });
}

TEST(ChooseDeviceTest, AutoTakesCudaWhereEveryRankHasADevice) {
  run_thread_ranks(1, [](Communicator& comm) {
    const DeviceChoice choice = choose_device(comm, run_config("auto"), fake("devices"));
    EXPECT_EQ(choice.ordinal, 0);
    EXPECT_EQ(choice.why, "cuda 0 (Fake 0)");
  });
}

TEST(ChooseDeviceTest, OneRankWithoutAUsableDeviceStopsAll) {
  run_thread_ranks(2, [](Communicator& comm) {
    EXPECT_THAT(
        [&] { choose_device(comm, run_config("cuda"), fake("devices")); },
        Throws<AgreedError>(Property(
            &Error::what, HasSubstr("CUDA device 1 (Fake 1): compute capability 7.0 is too old"))));
  });
}

TEST(ChooseDeviceTest, ADeviceIsSharedOnlyWhenAskedFor) {
  run_thread_ranks(3, [](Communicator& comm) {
    EXPECT_THAT(
        [&] { choose_device(comm, run_config("cuda"), fake("devices")); },
        Throws<AgreedError>(AllOf(
            Property(&Error::what, HasSubstr("3 ranks on this node, but only 2 CUDA devices")),
            Property(&Error::hint, HasSubstr("run.device_ids")))));
    EXPECT_EQ(choose_device(comm, run_config("cuda", {0, 0, 0}), fake("devices")).ordinal, 0);
  });
}

}  // namespace
}  // namespace trireme
