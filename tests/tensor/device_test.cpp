// Device over a table that records its calls: owners free what they own, captures always end.

#include "tensor/device.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <stdexcept>
#include <string>
#include <vector>

#include "base/error.h"
#include "kernels/kernel_table.h"

namespace trireme {

struct DeviceContext {
  std::vector<std::string> calls;
  bool capture_fails = false;
};

namespace {

using testing::ElementsAre;
using testing::Throws;

template <class Handle>
Handle* handle(uintptr_t value) {
  return reinterpret_cast<Handle*>(value);
}

DeviceFunctions recording() {
  DeviceFunctions f = host_functions();
  f.last_error = []() noexcept { return "a reason"; };
  f.release = [](DeviceContext* c, Memory kind, void* p) noexcept {
    c->calls.emplace_back(kind == Memory::pinned ? "release pinned" : "release");
    return host_functions().release(nullptr, kind, p);
  };
  f.make_stream = [](DeviceContext*, StreamPriority, Stream** out) noexcept {
    *out = handle<Stream>(1);
    return DeviceStatus::ok;
  };
  f.destroy_stream = [](DeviceContext* c, Stream*) noexcept {
    c->calls.emplace_back("destroy stream");
    return DeviceStatus::ok;
  };
  f.query_event = [](DeviceContext*, Event*) noexcept { return DeviceStatus::not_ready; };
  f.begin_capture = [](DeviceContext* c, Stream*) noexcept {
    c->calls.emplace_back("begin");
    return DeviceStatus::ok;
  };
  f.end_capture = [](DeviceContext* c, Stream*, StepGraph** out) noexcept {
    c->calls.emplace_back("end");
    *out = c->capture_fails ? nullptr : handle<StepGraph>(2);
    return c->capture_fails ? DeviceStatus::failed : DeviceStatus::ok;
  };
  f.launch_graph = [](DeviceContext* c, StepGraph*, Stream*) noexcept {
    c->calls.emplace_back("launch");
    return DeviceStatus::ok;
  };
  f.destroy_graph = [](DeviceContext* c, StepGraph* g) noexcept {
    if (g) c->calls.emplace_back("destroy graph");
    return DeviceStatus::ok;
  };
  f.close = [](DeviceContext* c) noexcept { c->calls.emplace_back("close"); };
  return f;
}

class DeviceTest : public testing::Test {
 protected:
  DeviceContext context_;
  DeviceFunctions functions_ = recording();
  KernelTable kernels_{};
};

TEST_F(DeviceTest, OwnersFreeOnceAndBeforeTheDeviceCloses) {
  {
    const Device device(functions_, &context_, kernels_, "fake");
    DeviceBuffer pinned = device.allocate(64, Memory::pinned, "a buffer");
    const DeviceBuffer moved = std::move(pinned);
    EXPECT_EQ(pinned.data(), nullptr);
    EXPECT_EQ(moved.size(), 64u);
    const DeviceStream stream = device.stream();
  }
  EXPECT_THAT(context_.calls, ElementsAre("destroy stream", "release pinned", "close"));
}

TEST_F(DeviceTest, AnAssignedBufferFreesWhatItHeld) {
  const Device device(functions_, &context_, kernels_, "fake");
  DeviceBuffer buffer = device.allocate(64, Memory::device, "a buffer");
  buffer = device.allocate(128, Memory::device, "another");
  EXPECT_THAT(context_.calls, ElementsAre("release"));
  EXPECT_EQ(buffer.size(), 128u);
}

TEST_F(DeviceTest, AnEmptyBufferAllocatesNothing) {
  const Device device(functions_, &context_, kernels_, "fake");
  EXPECT_EQ(device.allocate(0, Memory::device, "nothing").data(), nullptr);
  EXPECT_TRUE(context_.calls.empty());
}

TEST_F(DeviceTest, TheLastErrorIsTheFunctions) {
  const Device device(functions_, &context_, kernels_, "fake");
  EXPECT_STREQ(device.last_error(), "a reason");
}

TEST_F(DeviceTest, AnEventThatHasNotHappenedIsNoError) {
  const Device device(functions_, &context_, kernels_, "fake");
  EXPECT_FALSE(device.happened(device.event()));
}

TEST_F(DeviceTest, ACapturedStepIsLaunchedAndDestroyed) {
  const Device device(functions_, &context_, kernels_, "fake");
  const DeviceStream stream = device.stream();
  {
    const DeviceGraph graph = device.capture(stream, [&] { context_.calls.emplace_back("body"); });
    device.launch(graph, stream);
  }
  EXPECT_THAT(context_.calls, ElementsAre("begin", "body", "end", "launch", "destroy graph"));
}

TEST_F(DeviceTest, ABodyThatThrowsEndsTheCapture) {
  const Device device(functions_, &context_, kernels_, "fake");
  const DeviceStream stream = device.stream();
  EXPECT_THROW(device.capture(stream, [] { throw std::logic_error("no"); }), std::logic_error);
  EXPECT_THAT(context_.calls, ElementsAre("begin", "end", "destroy graph"));
}

TEST_F(DeviceTest, ACaptureThatFailsIsEndedOnce) {
  context_.capture_fails = true;
  const Device device(functions_, &context_, kernels_, "fake");
  const DeviceStream stream = device.stream();
  EXPECT_THAT([&] { device.capture(stream, [] {}); },
              Throws<DeviceError>(testing::Property(
                  &Error::what, testing::HasSubstr("capturing a step failed at"))));
  EXPECT_THAT(context_.calls, ElementsAre("begin", "end"));
}

}  // namespace
}  // namespace trireme
