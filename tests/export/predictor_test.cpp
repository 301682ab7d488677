#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "export/parity.h"
#include "export/test_models.h"

namespace trireme {
namespace {

using namespace testing_models;

TEST(Predictor, GivesEachSampleTheSameAnswerAloneAndInALargeBatch) {
  const auto graph = lenet_like();
  const auto weights = random_weights(*graph);
  const Goldens many = record_goldens(*graph, weights, nullptr, 131, 5);
  const Predictor predictor(*graph, weights);
  const HostTensor all = predictor.run(many.input);
  EXPECT_TRUE(compare_outputs("131 samples", all, many.output, 1e-5, 1e-5).passed);
  HostTensor one = HostTensor::zeros({1, 1, 12, 12});
  for (int64_t i : {0, 63, 64, 130}) {
    std::copy_n(many.input.floats().data() + i * 144, 144, one.floats().data());
    const HostTensor alone = predictor.run(one);
    for (int64_t k = 0; k < 10; ++k)
      EXPECT_NEAR(alone.floats()[static_cast<size_t>(k)],
                  all.floats()[static_cast<size_t>(i * 10 + k)], 1e-5);
  }
}

TEST(Predictor, AnswersNoSamplesWithNoOutputs) {
  const auto graph = lenet_like();
  const Predictor predictor(*graph, random_weights(*graph));
  EXPECT_EQ(predictor.run(HostTensor::zeros({0, 1, 12, 12})).shape, (Shape{0, 10}));
}

TEST(Predictor, TakesImagesAsFlatRowsToo) {
  const auto graph = resnet_like();
  const auto weights = random_weights(*graph);
  const Goldens goldens = record_goldens(*graph, weights, nullptr, 3, 5);
  const Predictor predictor(*graph, weights);
  HostTensor flat = goldens.input;
  flat.shape = {3, 3 * 8 * 8};
  EXPECT_EQ(predictor.run(flat).bytes, predictor.run(goldens.input).bytes);
}

TEST(Predictor, NamesBothShapesWhenTheInputDoesNotFit) {
  const auto graph = lenet_like();
  const Predictor predictor(*graph, random_weights(*graph));
  EXPECT_EQ(message_of<ShapeError>([&] {
              predictor.run(HostTensor::zeros({2, 3, 12, 12}));
            }),
            "prediction: the input is float32 2x3x12x12, the model reads float32 Nx1x12x12");
}

TEST(Predictor, NamesAWeightOfAnotherShape) {
  const auto graph = lenet_like();
  auto weights = random_weights(*graph);
  weights["f2.bias"] = HostTensor::zeros({11});
  EXPECT_EQ(message_of<FormatError>([&] { Predictor(*graph, weights); }),
            "f2.bias is float32 11, the model needs float32 10");
}

TEST(Goldens, DependOnTheSeedAlone) {
  const auto graph = lenet_like();
  const auto weights = random_weights(*graph);
  const Goldens a = record_goldens(*graph, weights, nullptr, 4, 1);
  EXPECT_EQ(a.input.bytes, record_goldens(*graph, weights, nullptr, 4, 1).input.bytes);
  EXPECT_NE(a.input.bytes, record_goldens(*graph, weights, nullptr, 4, 2).input.bytes);
  EXPECT_EQ(a.input.shape, (Shape{4, 1, 12, 12}));
  EXPECT_EQ(a.output.shape, (Shape{4, 10}));
}

TEST(Parity, AllowsTheToleranceAndNotMore) {
  const std::vector<float> expected = {1, 100, 0}, close = {1.0001f, 100.009f, 0.0001f};
  const HostTensor want = HostTensor::from({1, 3}, expected), got = HostTensor::from({1, 3}, close);
  EXPECT_TRUE(compare_outputs("m", got, want, 2e-4, 1e-4).passed);
  EXPECT_FALSE(compare_outputs("m", got, want, 5e-5, 1e-6).passed);
}

TEST(Parity, SaysWhereTheLargestDifferenceIs) {
  const std::vector<float> expected = {1, 2, 3, 4}, other = {1, 2, 3.5f, 4};
  const ParityReport report = compare_outputs("model.onnx", HostTensor::from({2, 2}, other),
                                              HostTensor::from({2, 2}, expected), 0, 0.01);
  EXPECT_FALSE(report.passed);
  EXPECT_EQ(
      report.text,
      "model.onnx: 4 values compared, largest difference 0.5 (relative 0.167); sample 1, output 0: "
      "3.5 where training gave 3; allowed 0.03");
}

TEST(Parity, NeverAcceptsNan) {
  const std::vector<float> expected = {1}, nan = {NAN};
  EXPECT_FALSE(compare_outputs("m", HostTensor::from({1, 1}, nan),
                               HostTensor::from({1, 1}, expected), 1e9, 1e9)
                   .passed);
  EXPECT_FALSE(compare_outputs("m", HostTensor::from({1, 1}, expected),
                               HostTensor::from({1, 1}, nan), 1e9, 1e9)
                   .passed);
}

TEST(Parity, NamesBothShapes) {
  EXPECT_EQ(message_of<FormatError>([] {
              compare_outputs("m", HostTensor::zeros({1, 2}), HostTensor::zeros({1, 3}), 0, 0);
            }),
            "m gives 1x2, training gave 1x3");
}

}  // namespace
}  // namespace trireme
