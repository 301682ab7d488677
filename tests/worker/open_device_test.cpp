// What an experiment may not ask of a device, told before any work.

#include "worker/open_device.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"

namespace trireme {
namespace {

using testing::HasSubstr;

Experiment experiment(const std::string& more) {
  return parse_experiment(
      "[run]\ndevice = cpu\n[data]\nreader = synthetic\nshape = 4\nclasses = 2\nsamples = 8\n"
      "[model]\nlayer = dense units=2\nloss = softmax_cross_entropy\n" +
          more,
      "device.ini", {});
}

std::string refusal(const std::string& more) {
  const auto comm = make_local_communicator();
  try {
    open_device(*comm, experiment(more));
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), ExitCode::config);
    return e.what();
  }
  return "";
}

TEST(OpenDevice, GivesNoneForTheCpu) {
  const auto comm = make_local_communicator();
  EXPECT_FALSE(open_device(*comm, experiment("")).device);
}

TEST(OpenDevice, RefusesPrecisionsThatTheCpuHasNot) {
  EXPECT_THAT(refusal("[train]\nprecision = bf16\n"),
              HasSubstr("bf16 is not available on the CPU"));
}

TEST(OpenDevice, RefusesATypeForGradientsBetweenDevicesWhereThereAreNone) {
  EXPECT_THAT(refusal("[cuda]\nreduce_type = bf16\n[run]\nreproducible = false\n"),
              HasSubstr("cuda.reduce_type = bf16 is of gradients between devices"));
}

}  // namespace
}  // namespace trireme
