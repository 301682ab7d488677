#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "cuda_shim/execution.h"
#include "cuda_shim/recording.h"
#include "kernels/cuda_plugin.h"
#include "model/lookup.h"
#include "worker/gradients.h"

namespace trireme {
namespace {

using Tensors = std::map<std::string, HostTensor>;

constexpr const char* kModel =
    "[data]\nreader = synthetic\nshape = 2\nclasses = 2\nsamples = 64\nids_features = 2\n"
    "ids_values = 2\nids_range = 9\n[model]\ninput = x: 2\ninput = ids: 2x2 dtype=int64\n"
    "layer = emb: embedding_bag from=ids dim=3 flat=true mode=mean\n"
    "layer = all: concat from=x,emb\nlayer = h: dense units=4 activation=tanh\n"
    "layer = out: dense units=1\nloss = sigmoid_cross_entropy\n";

// Three samples; id 5 comes three times in feature 0, once in feature 1, and -1 is no id.
Tensors batch_of_three() {
  const std::vector<float> x = {0.5f, -1, 0.25f, 2, -0.75f, 1};
  const std::vector<int64_t> ids = {5, 7, 5, -1, 5, 5, 8, 2, 7, -1, -1, -1}, classes = {1, 0, 1};
  return {{"input", HostTensor::from(Shape{3, 2}, std::span<const float>(x))},
          {"ids", HostTensor::from(Shape{3, 2, 2}, std::span<const int64_t>(ids))},
          {"target", HostTensor::from(Shape{3}, std::span<const int64_t>(classes))}};
}

class GradientsOfTables : public testing::Test {
 protected:
  const std::unique_ptr<Device> device = make_cpu_device();
  const Experiment experiment = parse_experiment(kModel, "exp.ini", {});
  const Tensors batch = batch_of_three();
  Tensors weights = initial_weights(experiment, batch);

  double loss() const {
    return double{gradients(*device, experiment, weights, batch).at("loss").floats()[0]};
  }
};

TEST_F(GradientsOfTables, AreTheSlopesOfTheLossInEveryRow) {
  const Tensors found = gradients(*device, experiment, weights, batch);
  const HostTensor& slopes = found.at("table.emb.rows");
  ASSERT_EQ(slopes.shape, (Shape{5, 3}));
  constexpr float kStep = 1e-2f;
  for (size_t i = 0; i < slopes.floats().size(); ++i) {
    float& value = weights.at("table.emb.rows").floats()[i];
    const float before = value;
    value = before + kStep;
    const double above = loss();
    value = before - kStep;
    const double below = loss();
    value = before;
    const double slope = double{slopes.floats()[i]};
    EXPECT_NEAR((above - below) / (2 * double{kStep}), slope, 1e-4) << i;
    EXPECT_GT(std::abs(slope), 1e-5) << i;  // every row is looked up
  }
}

TEST_F(GradientsOfTables, AreTheSameFromADevicesKernels) {
  const Device shim(cuda_shim::functions(), cuda_shim::context(),
                    cuda_shim::kernels_with_cpu_plans(), "cuda_shim");
  const Tensors found = gradients(shim, experiment, weights, batch);
  EXPECT_EQ(cuda_shim::take_fault(), "");
  for (const auto& [name, expected] : gradients(*device, experiment, weights, batch))
    for (size_t i = 0; expected.dtype == DType::f32 && i < expected.floats().size(); ++i)
      EXPECT_NEAR(found.at(name).floats()[i], expected.floats()[i], 1e-6f) << name << " " << i;
}

TEST_F(GradientsOfTables, AreUnderTheBatchsKeys) {
  std::vector<int64_t> keys = {table_key(5, 0, true), table_key(7, 0, true), table_key(5, 1, true),
                               table_key(8, 1, true), table_key(2, 1, true)};
  std::sort(keys.begin(), keys.end());
  const Tensors found = gradients(*device, experiment, weights, batch);
  EXPECT_THAT(found.at("table.emb.keys").ints(), testing::ElementsAreArray(keys));
}

TEST_F(GradientsOfTables, StartFromInitialRowsWhereTheWeightsHaveNone) {
  const auto expected = gradients(*device, experiment, weights, batch);
  weights.at("table.emb.keys") = HostTensor::zeros(Shape{0}, DType::i64);
  weights.at("table.emb.rows") = HostTensor::zeros(Shape{0, 3});
  const auto found = gradients(*device, experiment, weights, batch);
  EXPECT_THAT(found.at("table.emb.rows").floats(),
              testing::ElementsAreArray(expected.at("table.emb.rows").floats()));
  EXPECT_EQ(found.at("loss").floats()[0], expected.at("loss").floats()[0]);
}

TEST_F(GradientsOfTables, NeedTheTableAmongTheWeightsAndIdsInTheBatch) {
  weights.erase("table.emb.rows");
  EXPECT_THROW(gradients(*device, experiment, weights, batch), FormatError);
  Tensors without = batch;
  without.erase("ids");
  EXPECT_THROW(gradients(*device, experiment, weights, without), ConfigError);
}

}  // namespace
}  // namespace trireme
