#include "export/interpret.h"

#include <gmock/gmock.h>

#include "base/error.h"
#include "export/test_models.h"
#include "export/write_predictions.h"

namespace trireme {
namespace {

using namespace testing_models;
using testing::HasSubstr;

HostTensor rows(const Shape& shape, std::vector<float> values) {
  return HostTensor::from(shape, std::span<const float>(values));
}

LoadedModel model_of(int64_t classes, const std::string& layers) {
  LoadedModel model;
  model.preprocessing.schema.input = {4};
  model.preprocessing.schema.classes = classes;
  model.config = "[data]\nreader = synthetic\nshape = 4\nclasses = " + std::to_string(classes) +
                 "\n\n[model]\n" + layers;
  return model;
}

TEST(Interpret, TurnsLogitsIntoProbabilitiesByTheLoss) {
  const auto model = model_of(3, "layer = out: dense units=3\nloss = softmax_cross_entropy\n");
  const Interpreted p = interpret_outputs(model, rows({1, 3}, {0, 1, 1e4f}));
  EXPECT_EQ(p.meaning, OutputMeaning::probabilities);
  EXPECT_FLOAT_EQ(p.table.floats()[2], 1);
  const Interpreted q = interpret_outputs(model, rows({1, 3}, {0, 1, 3}));
  EXPECT_NEAR(q.table.floats()[1], 0.11419520, 1e-6);
  EXPECT_EQ(q.top(0, 2), (std::vector<int64_t>{2, 1}));
}

TEST(Interpret, TakesClassesForSoftmaxWhereThereIsNoExperiment) {
  LoadedModel model;
  model.preprocessing.schema.classes = 2;
  const Interpreted p = interpret_outputs(model, rows({1, 2}, {0, 0}));
  EXPECT_FLOAT_EQ(p.table.floats()[0], 0.5f);
}

TEST(Interpret, GivesBothClassesOfOneLogit) {
  const auto model = model_of(2, "layer = out: dense units=1\nloss = sigmoid_cross_entropy\n");
  const Interpreted p = interpret_outputs(model, rows({2, 1}, {0, -100}));
  EXPECT_EQ(p.table.shape, (Shape{2, 2}));
  EXPECT_FLOAT_EQ(p.table.floats()[1], 0.5f);
  EXPECT_EQ(p.top(1, 1), (std::vector<int64_t>{0}));
}

TEST(Interpret, KeepsScoresOfAHingeAsTheyAre) {
  const auto model = model_of(3, "layer = out: dense units=3\nloss = hinge\n");
  const Interpreted p = interpret_outputs(model, rows({1, 3}, {-2, 5, 1}));
  EXPECT_EQ(p.meaning, OutputMeaning::scores);
  EXPECT_EQ(prediction_lines(p, 2), "0: 1 5, 2 1\n");
}

Interpreted named() {
  Interpreted p;
  p.meaning = OutputMeaning::probabilities;
  p.table = rows({2, 2}, {0.25f, 0.75f, 0.5f, 0.5f});
  p.class_names = {"a,b", "say \"x\""};
  return p;
}

TEST(Predictions, AreLinesWithTheLikeliestFirst) {
  EXPECT_EQ(prediction_lines(named(), 1), "0: say \"x\" 75.00 %\n1: a,b 50.00 %\n");
  EXPECT_EQ(prediction_lines(named(), 5),
            "0: say \"x\" 75.00 %, a,b 25.00 %\n1: a,b 50.00 %, say \"x\" 50.00 %\n");
}

TEST(Predictions, QuoteCsvCellsThatNeedIt) {
  TemporaryDir dir;
  write_predictions(named(), dir / "p.csv");
  EXPECT_EQ(
      read_text(dir / "p.csv"),
      "sample,class,\"a,b\",\"say \"\"x\"\"\"\n0,\"say \"\"x\"\"\",0.25,0.75\n1,\"a,b\",0.5,0.5\n");
}

TEST(Predictions, AreAnNpyFileOfTheTable) {
  TemporaryDir dir;
  write_predictions(named(), dir / "p.npy");
  const std::string file = read_text(dir / "p.npy");
  EXPECT_EQ(file.substr(0, 8), std::string("\x93NUMPY\x01\x00", 8));
  EXPECT_THAT(file, HasSubstr("'descr': '<f4', 'fortran_order': False, 'shape': (2, 2), "));
  EXPECT_EQ((file.size() - 4 * sizeof(float)) % 64, 0u);
  EXPECT_EQ(file.substr(file.size() - 16),
            std::string(reinterpret_cast<const char*>(named().table.bytes.data()), 16));
}

TEST(Predictions, AreJsonWithClassAndProbabilities) {
  TemporaryDir dir;
  write_predictions(named(), dir / "p.json");
  EXPECT_THAT(read_text(dir / "p.json"), HasSubstr("\"class\": \"say \\\"x\\\"\""));
}

TEST(Predictions, RefuseAnUnknownExtension) {
  EXPECT_EQ(message_of<ConfigError>([] { write_predictions(named(), "p.txt"); }),
            "predictions: p.txt has an unknown extension");
}

}  // namespace
}  // namespace trireme
