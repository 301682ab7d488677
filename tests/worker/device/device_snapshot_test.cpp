// What a save costs the steps: on a device whose host copies for a checkpoint the test holds up.

#include "worker/device/device_snapshot.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <memory>
#include <thread>
#include <vector>

#include "kernels/kernel_table.h"
#include "worker/device/device_training.h"

namespace trireme::device_test {
namespace {

constexpr Model kModel = {"images", "shape = 3x8x8\nclasses = 3\n", R"(
layer = conv1: conv2d filters=8 kernel=3 padding=1 activation=relu
layer = flatten
layer = out: dense units=3
loss = softmax_cross_entropy)",
                          ""};

// Host memory, with events that know who recorded them, and what was asked for.
struct Calls {
  std::thread::id step_thread;
  std::atomic<bool> held{false};         // copies of other threads wait
  std::atomic<int> taken{0};             // pieces of memory
  std::atomic<int> copies_of_others{0};  // of other threads
  std::atomic<int> waits_on_others{0};   // of a stream, for an event of other threads
};
Calls* calls = nullptr;  // of the device made last

bool of_another_thread() { return std::this_thread::get_id() != calls->step_thread; }

std::unique_ptr<Device> watched_device(Calls& watched) {
  static const DeviceFunctions functions = [] {
    DeviceFunctions f = host_functions();
    f.allocate = [](DeviceContext*, Memory kind, size_t bytes, void** out) noexcept {
      ++calls->taken;
      return host_functions().allocate(nullptr, kind, bytes, out);
    };
    f.release = [](DeviceContext*, Memory kind, void* memory) noexcept {
      return host_functions().release(nullptr, kind, memory);
    };
    f.make_event = [](DeviceContext*, bool, Event** out) noexcept {
      *out = reinterpret_cast<Event*>(new std::atomic<bool>(false));
      return DeviceStatus::ok;
    };
    f.destroy_event = [](DeviceContext*, Event* e) noexcept {
      delete reinterpret_cast<std::atomic<bool>*>(e);
      return DeviceStatus::ok;
    };
    f.record = [](DeviceContext*, Event* e, Stream*) noexcept {
      reinterpret_cast<std::atomic<bool>*>(e)->store(of_another_thread());
      return DeviceStatus::ok;
    };
    f.wait = [](DeviceContext*, Stream*, Event* e) noexcept {
      if (!of_another_thread() && *reinterpret_cast<std::atomic<bool>*>(e))
        ++calls->waits_on_others;
      return DeviceStatus::ok;
    };
    f.copy = [](DeviceContext*, void* to, const void* from, size_t bytes, Stream*) noexcept {
      if (of_another_thread()) {
        ++calls->copies_of_others;
        calls->held.wait(true);
      }
      return host_functions().copy(nullptr, to, from, bytes, nullptr);
    };
    f.close = [](DeviceContext*) noexcept {};
    return f;
  }();
  calls = &watched;
  watched.step_thread = std::this_thread::get_id();
  return std::make_unique<Device>(functions, reinterpret_cast<DeviceContext*>(&watched),
                                  cpu_kernels(), "watched");
}

TEST(DeviceSnapshot, StepsGoOnWhileItsCopyToTheHostIsHeldUp) {
  const Experiment e = experiment(kModel, "[cuda]\ngraph = false\n");
  Calls watched;
  const auto comm = make_local_communicator();
  Session s(*comm, e, {}, watched_device(watched));
  s.start();
  Stepper step(s);
  for (int64_t i = 0; i < 3; ++i) step(i);  // an epoch: batches of every size were there
  const int taken = watched.taken;
  const std::vector<float> then = moments(s);
  watched.held = true;
  const auto snapshot = s.state->snapshot(true);
  std::vector<float> seen;
  std::thread writer([&] {
    snapshot->capture();
    seen = all_of(*snapshot);
  });
  while (watched.copies_of_others == 0) std::this_thread::yield();
  for (int64_t i = 3; i < 8; ++i) step(i);  // would hang if one waited for the writer
  EXPECT_EQ(watched.copies_of_others, 1) << "the first is still held";
  EXPECT_EQ(watched.waits_on_others, 0);
  watched.held = false;
  watched.held.notify_all();
  writer.join();
  EXPECT_EQ(seen, then);
  EXPECT_NE(moments(s), then);
  EXPECT_EQ(watched.taken, taken) << "memory was there before the first save";
}

// Weights that are stored in another order than the checkpoint's, and tensors of several pieces.
TEST(DeviceSnapshot, ReadsTensorsOfEveryOrderAndSize) {
  const auto device = std::make_unique<Device>(host_functions(), nullptr, cpu_kernels(), "cpu");
  Slot large, turned;
  large.name = "large";
  large.logical = large.view = {3 << 20};  // 12 MiB
  large.count = 3 << 20;
  turned.name = "turned";
  turned.logical = {2, 3};
  turned.view = {2, 3};
  turned.permutation = {1, 0};
  turned.count = 6;
  const ParamTable table({large, turned});
  std::vector<float> flat(static_cast<size_t>(table.size()));
  for (size_t i = 0; i < flat.size(); ++i) flat[i] = static_cast<float>(i % 1000003);
  DeviceSnapshot snapshot(std::make_shared<SnapshotMemory>(*device));
  snapshot.add("model.", table, flat.data(), {});
  snapshot.seal({});
  const std::vector<float> then = flat;
  std::fill(flat.begin(), flat.end(), 0.0f);
  snapshot.capture();
  const std::vector<float> all = all_of(snapshot);
  ASSERT_EQ(all.size(), static_cast<size_t>(large.count + turned.count));
  EXPECT_TRUE(std::equal(all.begin(), all.begin() + large.count, then.begin()));
  const float* stored = then.data() + table.slots()[1].offset;
  std::vector<float> logical(6);
  to_logical(table.slots()[1], stored, logical.data());
  EXPECT_NE(logical, std::vector<float>(stored, stored + 6));
  EXPECT_EQ(std::vector<float>(all.end() - 6, all.end()), logical);
}

}  // namespace
}  // namespace trireme::device_test
