#include "worker/gradients.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "kernels/cuda_plugin.h"

namespace trireme {
namespace {

using Tensors = std::map<std::string, HostTensor>;
constexpr int64_t kSamples = 5;

Experiment experiment(const std::string& inputs) {
  return parse_experiment(
      "[data]\nreader = synthetic\nshape = 10\nclasses = 3\nsamples = 64\n[model]\n" + inputs +
          "layer = a: dense units=4 activation=tanh from=left\n"
          "layer = b: conv2d filters=3 kernel=2 from=right\nlayer = f: flatten\n"
          "layer = all: concat from=a,f\nlayer = out: dense units=3\nloss = "
          "softmax_cross_entropy\n",
      "exp.ini", {});
}

// 0, 1, 2, ... times `step`, less 1.
HostTensor ramp(const Shape& shape, float step) {
  HostTensor tensor = HostTensor::zeros(shape);
  float value = -1;
  for (float& v : tensor.floats()) v = value += step;
  return tensor;
}

HostTensor labels() {
  const std::vector<int64_t> classes = {0, 2, 1, 1, 0};
  return HostTensor::from(Shape{kSamples}, std::span<const int64_t>(classes));
}

class SeveralInputs : public testing::Test {
 protected:
  const std::unique_ptr<Device> device = make_cpu_device();
  const Experiment apart = experiment("input = left: 4\ninput = right: 1x2x3\n");
  const Tensors weights = initial_weights(apart);
  Tensors batch = {{"left", ramp({kSamples, 4}, 0.07f)},
                   {"right", ramp({kSamples, 1, 2, 3}, 0.05f)},
                   {"target", labels()}};

  std::string error() const {
    try {
      gradients(*device, apart, weights, batch);
    } catch (const ConfigError& e) {
      return e.what();
    }
    return "";
  }
};

TEST_F(SeveralInputs, GiveTheGradientsOfSlicesOfOneInput) {
  const Experiment joined = experiment(
      "input = all_columns: 10\nlayer = left: slice count=4\n"
      "layer = rest: slice begin=4 count=6 from=all_columns\nlayer = right: reshape shape=1x2x3\n");
  HostTensor whole = HostTensor::zeros({kSamples, 10});
  for (int64_t i = 0; i < kSamples; ++i) {
    const auto row = whole.floats().subspan(static_cast<size_t>(10 * i), 10);
    std::copy_n(batch.at("left").floats().data() + 4 * i, 4, row.data());
    std::copy_n(batch.at("right").floats().data() + 6 * i, 6, row.data() + 4);
  }
  const Tensors expected =
      gradients(*device, joined, weights, {{"input", whole}, {"target", labels()}});
  const Tensors found = gradients(*device, apart, weights, batch);
  ASSERT_EQ(found.size(), expected.size());
  EXPECT_GT(found.at("loss").floats()[0], 0);
  for (const auto& [name, tensor] : found)
    EXPECT_THAT(tensor.floats(), testing::ElementsAreArray(expected.at(name).floats())) << name;
}

TEST_F(SeveralInputs, AreMissedByTheirNames) {
  batch.erase("right");
  EXPECT_EQ(error(), "the batch file has no tensor right");
  batch.erase("left");
  EXPECT_EQ(error(), "the batch file has no tensor left");
}

TEST_F(SeveralInputs, MustHaveTheirShapesAndAsManySamples) {
  batch.insert_or_assign("right", ramp({kSamples, 6}, 0.05f));
  EXPECT_EQ(error(), "the batch file: right is 5x6, the model needs 5x1x2x3");
  batch.insert_or_assign("right", ramp({kSamples - 1, 1, 2, 3}, 0.05f));
  EXPECT_EQ(error(), "the batch file: right is 4x1x2x3, the model needs 5x1x2x3");
}

}  // namespace
}  // namespace trireme
