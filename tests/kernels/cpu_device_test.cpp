#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "base/error.h"
#include "kernels/cuda_plugin.h"
#include "tensor/buffer.h"

namespace trireme {
namespace {

TEST(CpuDeviceTest, MemoryIsHostMemoryAlignedAndZeroed) {
  const auto device = make_cpu_device();
  EXPECT_TRUE(device->is_host());
  EXPECT_EQ(&device->kernels(), &cpu_kernels());
  for (const Memory kind : {Memory::device, Memory::pinned}) {
    const DeviceBuffer buffer = device->allocate(1000, kind, "a buffer");
    EXPECT_EQ(reinterpret_cast<uintptr_t>(buffer.data()) % kAlignment, 0u);
    EXPECT_TRUE(std::all_of(buffer.data(), buffer.data() + 1000,
                            [](std::byte b) { return b == std::byte{0}; }));
  }
}

TEST(CpuDeviceTest, CopiesAreDoneWhenTheyReturnAndEventsHaveHappened) {
  const auto device = make_cpu_device();
  const DeviceStream stream = device->stream();
  const DeviceEvent event = device->event();
  const DeviceBuffer a = device->allocate(64, Memory::device, "a"),
                     b = device->allocate(64, Memory::pinned, "b");
  device->set_bytes(a.data(), 7, 64, stream);
  device->copy(b.data(), a.data(), 64, stream);
  device->record(event, stream);
  device->wait(stream, event);
  EXPECT_TRUE(device->happened(event));
  EXPECT_EQ(b.data()[63], std::byte{7});
  EXPECT_EQ(stream.get(), nullptr);
}

TEST(CpuDeviceTest, WhatDoesNotFitNamesBytesWantedAndFree) {
  const auto device = make_cpu_device();
  EXPECT_THAT([&] { device->allocate(SIZE_MAX, Memory::device, "the arena"); },
              testing::Throws<DeviceError>(testing::Property(
                  &Error::what,
                  testing::AllOf(testing::HasSubstr("the arena does not fit: 18446744073709551615"),
                                 testing::HasSubstr(" free of ")))));
}

TEST(CpuDeviceTest, CapturingIsRefused) {
  const auto device = make_cpu_device();
  const DeviceStream stream = device->stream();
  EXPECT_THROW(device->capture(stream, [] {}), DeviceError);
  EXPECT_GT(device->memory().total, 0u);
}

}  // namespace
}  // namespace trireme
