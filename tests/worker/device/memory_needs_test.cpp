// What does not fit is refused before anything is taken.

#include "worker/device/memory_needs.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "config/experiment.h"
#include "kernels/cuda_plugin.h"
#include "worker/device/device_state.h"
#include "worker/session.h"

namespace trireme {
namespace {

using testing::AllOf;
using testing::HasSubstr;

constexpr size_t kMiB = size_t{1} << 20;
size_t free_bytes = 0;  // of the devices below
int allocations = 0;

// A CPU that says how much memory it has.
std::unique_ptr<Device> small_device() {
  static const DeviceFunctions functions = [] {
    DeviceFunctions f = host_functions();
    f.memory_state = [](DeviceContext*, size_t* free, size_t* total) noexcept {
      *free = *total = free_bytes;
      return DeviceStatus::ok;
    };
    f.allocate = [](DeviceContext* c, Memory kind, size_t bytes, void** out) noexcept {
      allocations += kind == Memory::device;
      return host_functions().allocate(c, kind, bytes, out);
    };
    return f;
  }();
  return std::make_unique<Device>(functions, nullptr, cpu_kernels(), "small");
}

const std::vector<MemoryNeed> kNeeds = {{"weights", 3 * kMiB, "model"},
                                        {"the weights' average", 0, "train.ema"},
                                        {"activations", 5 * kMiB, "train.batch_size"}};

TEST(MemoryNeeds, AreToldLargestFirstWithoutThoseOfNothing) {
  EXPECT_EQ(total_of(kNeeds), 8 * kMiB);
  EXPECT_EQ(in_words(kNeeds), "activations 5.0 MiB, weights 3.0 MiB");
}

TEST(MemoryNeeds, PassWhereTheyJustFit) {
  free_bytes = 8 * kMiB;
  EXPECT_NO_THROW(require(*small_device(), kNeeds));
}

TEST(MemoryNeeds, ThatDoNotFitAreListedWithTheKeysThatChangeThem) {
  free_bytes = 8 * kMiB - 1;
  try {
    require(*small_device(), kNeeds);
    FAIL() << "nothing was said";
  } catch (const DeviceError& e) {
    EXPECT_THAT(std::string(e.what()),
                AllOf(HasSubstr("small: training needs 8.0 MiB of its memory"),
                      HasSubstr("\n  activations                     5.0 MiB   train.batch_size"
                                "\n  weights                         3.0 MiB   model")));
  }
}

Experiment experiment() {
  return parse_experiment(R"([data]
reader = synthetic
shape = 64
classes = 4
samples = 64
[model]
layer = dense units=256 activation=relu
layer = dense units=4
loss = softmax_cross_entropy
[train]
batch_size = 64
ema = 0.9
[optimizer]
name = adam
)",
                          "memory.ini", {});
}

TEST(MemoryNeeds, OfAWholeTrainingAreWhatItTakes) {
  free_bytes = 64 * kMiB;
  const auto comm = make_local_communicator();
  const Experiment e = experiment();
  Session s(*comm, e, {}, small_device());
  s.start();
  // 64 x 256 + 256 + 256 x 4 + 64 elements: weights, gradients, two moments, the average.
  const size_t flat = (64 * 256 + 256 + 256 * 4 + 64) * sizeof(float);
  const auto needs = DeviceState::needs(*s.graph, s.optimizer, true, ElementType::f32, false);
  EXPECT_EQ(total_of(needs), 5 * flat);
  EXPECT_THAT(s.memory_in_words, HasSubstr("the optimizer's state 138.5 KiB"));
}

TEST(MemoryNeeds, OfATrainingThatDoesNotFitAreRefusedBeforeAnythingIsTaken) {
  free_bytes = kMiB / 2;
  allocations = 0;
  const auto comm = make_local_communicator();
  const Experiment e = experiment();
  try {
    Session s(*comm, e, {}, small_device());
    s.start();
    FAIL() << "it began";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ExitCode::device);
    EXPECT_THAT(std::string(error.what()), AllOf(HasSubstr("activations"), HasSubstr("train.ema")));
  }
  EXPECT_EQ(allocations, 0);
}

}  // namespace
}  // namespace trireme
