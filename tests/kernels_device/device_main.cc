// kernels_device_tests PLUGIN [PRECISION] [--gtest_...]: the kernel tests on CUDA device 0, opened
// in fp32 (or as PRECISION says: tf32, bf16, fp16).
// kernels_device_tests --stand-in [--gtest_...]: the same on the CPU, which proves this program.
//
// The tests hand vectors and structs on the stack to kernels. Here all of that is pinned host
// memory, which a device reads and writes at the host's addresses: operator new takes its memory
// from there, and so is the stack of the thread that runs the tests. Kernels run one at a time.
//
// Exit codes: 0 passed, 1 failed, 77 there is no device (the reason is printed).

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <pthread.h>

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "base/error.h"
#include "cuda_shim/table.h"
#include "kernels/cuda_plugin.h"
#include "kernels/support.h"
#include "kernels_device/arena.h"
#include "kernels_device/observed_table.h"

namespace trireme::test {
namespace {

constexpr size_t kMemory = size_t{3} << 30, kStandInMemory = size_t{512} << 20;
constexpr size_t kStack = size_t{64} << 20;
constexpr int kSkipped = 77;

// What the tests are instantiated for; there is one a process.
struct Tested {
  std::string name;
  const KernelTable* kernels;
};
Tested tested;

// Our CUDA kernels as the shim runs them, with the CPU's plans, which the shim has not.
const KernelTable& stand_in_kernels() {
  static const KernelTable table = [] {
    KernelTable t = cuda_shim::kernels();
    const KernelTable& cpu = cpu_kernels();
    t.make_conv2d = cpu.make_conv2d;
    t.make_matmul = cpu.make_matmul;
    t.pack = cpu.pack;
    t.run = cpu.run;
    t.run_leaves = cpu.run_leaves;
    t.run_blocks = cpu.run_blocks;
    t.destroy = cpu.destroy;
    return t;
  }();
  return table;
}

// Fails the test in which a block was written past its end.
class OverrunListener : public testing::EmptyTestEventListener {
  void OnTestEnd(const testing::TestInfo&) override {
    const size_t now = device_visible_memory().overruns();
    if (now != seen_) ADD_FAILURE() << now - seen_ << " blocks were written past their end";
    seen_ = now;
  }
  size_t seen_ = 0;
};

// Runs the tests on a stack in the memory that the device sees.
int run_tests_on_visible_stack() {
  void* stack = device_visible_memory().take(kStack, 4096);
  pthread_attr_t attributes;
  pthread_t thread;
  int result = EXIT_FAILURE;
  const auto body = [](void* out) -> void* {
    *static_cast<int*>(out) = RUN_ALL_TESTS();
    return nullptr;
  };
  (void)pthread_attr_init(&attributes);
  if (pthread_attr_setstack(&attributes, stack, kStack) != 0 ||
      pthread_create(&thread, &attributes, body, &result) != 0) {
    fmt::print(stderr, "the tests' thread could not be started\n");
    return EXIT_FAILURE;
  }
  (void)pthread_join(thread, nullptr);
  return result;
}

Precision precision_of(const std::string& name) {
  if (name == "fp32") return Precision::fp32;
  if (name == "tf32") return Precision::tf32;
  if (name == "bf16") return Precision::bf16;
  if (name == "fp16") return Precision::fp16;
  throw DeviceError("there is no precision \"" + name + "\"", "fp32, tf32, bf16 or fp16");
}

int run(int argc, char** argv) {
  const bool stand_in = std::string(argv[1]) == "--stand-in";
  const std::string precision = argc > 2 && argv[2][0] != '-' ? argv[2] : "fp32";
  std::unique_ptr<Device> device;
  if (stand_in) {
    device = make_cpu_device();
  } else {
    const CudaPlugin plugin = CudaPlugin::load(argv[1]);
    if (plugin.devices() == 0) {
      fmt::print("SKIPPED: the kernel tests need a CUDA device: {}\n", plugin.reason());
      return kSkipped;
    }
    device = plugin.open(0, /*reproducible=*/true, precision_of(precision));
  }
  const DeviceBuffer memory =
      device->allocate(stand_in ? kStandInMemory : kMemory, Memory::pinned, "the tests' memory");
  device_visible_memory().open({memory.data(), memory.size()});
  fmt::print("kernels on {}\n", stand_in ? "the CPU, standing in for a device" : device->name());
  tested = {stand_in ? "cuda_shim_ascending" : "cuda_" + precision,
            &observe(stand_in ? stand_in_kernels() : device->kernels(), *device)};
  testing::InitGoogleTest(&argc, argv);
  testing::UnitTest::GetInstance()->listeners().Append(new OverrunListener);  // which owns it
  const int result = run_tests_on_visible_stack();
  fmt::print("the tests needed {} MiB\n", device_visible_memory().used() >> 20);
  // Objects that live until the end of the process lie in this memory, and the device's libraries
  // end in an order of their own: nothing is destroyed.
  std::fflush(nullptr);
  std::_Exit(result);
}

}  // namespace

std::vector<std::string> devices() { return {tested.name}; }
std::vector<std::string> devices_with_plans() { return {tested.name}; }
const KernelTable& kernels_of(const std::string&) { return *tested.kernels; }

}  // namespace trireme::test

int main(int argc, char** argv) {
  if (argc < 2) {
    fmt::print(stderr,
               "usage: kernels_device_tests PLUGIN [PRECISION] | --stand-in [--gtest_...]\n");
    return 2;
  }
  try {
    return trireme::test::run(argc, argv);
  } catch (const trireme::Error& e) {
    fmt::print(stderr, "{}\n", e.what());
    return EXIT_FAILURE;
  }
}
