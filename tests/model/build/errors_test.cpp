// What is said about models that do not fit together, in full.

#include <gtest/gtest.h>

#include "model/build/model_text.h"

namespace trireme {
namespace {

using namespace testing_model;

const DataShape kFeatures = features(8, 10);
const std::string kLoss = "\nloss = softmax_cross_entropy";

std::string layer_error(const std::string& layer) {
  return build_error("layer = " + layer + "\nlayer = out: dense units=10" + kLoss, kFeatures);
}

TEST(BuildErrors, NamesTheNearestOp) {
  EXPECT_EQ(layer_error("d: dens units=3"), "m.ini:1: d: unknown layer dens (did you mean dense?)");
  EXPECT_EQ(
      build_error("layer = dense units=10\nloss = softmax_crossentropy", kFeatures),
      "m.ini:2: loss: unknown loss softmax_crossentropy (did you mean softmax_cross_entropy?)");
}

TEST(BuildErrors, NamesTheNearestOption) {
  EXPECT_EQ(layer_error("d: dense units=3 activaton=relu"),
            "m.ini:1: d: dense has no option activaton (did you mean activation?)");
  EXPECT_EQ(layer_error("r: relu slope=2"),
            "m.ini:1: r: relu has no option slope (there are none)");
}

TEST(BuildErrors, NamesMissingAndRepeatedOptions) {
  EXPECT_EQ(layer_error("d: dense"), "m.ini:1: d: dense needs units= (outputs)");
  EXPECT_EQ(layer_error("d: dense units=3 units=4"),
            "m.ini:1: d: option units is set twice: 3 and 4");
}

TEST(BuildErrors, ShowsValueAndExpectedType) {
  const auto expect = [](const std::string& layer, const std::string& message) {
    EXPECT_EQ(layer_error("x: " + layer), "m.ini:1: x: " + message);
  };
  expect("dense units=0", "units=0 is not an integer from 1 to 1000000000");
  expect("dense units=3 bias=maybe", "bias=maybe is not true or false");
  expect("dense units=3 activation=rellu",
         "activation=rellu is not one of none, relu, leaky_relu, gelu, silu, sigmoid, tanh");
  expect("dense units=3 weight=a", "weight=a is not a parameter as NAME.weight");
  expect("dropout p=1", "p=1 is not a number from 0 to 0.999");
  expect("maxpool2d size=2x2x2", "size=2x2x2 is not an extent as 3 or 3x5, from 1 to 65536");
  expect("conv2d filters=1 kernel=3 padding=valid",
         "padding=valid is not same, or an extent as 1 or 1x2, from 0 to 65536");
  expect("reshape shape=2x0", "shape=2x0 is not a shape as 16x7x7 (one part may be -1)");
}

TEST(BuildErrors, ReportsAllProblemsAtOnce) {
  EXPECT_EQ(
      build_error(
          "layer = a: dense unit=3\nlayer = a: relu from=b\nlayer = c: add from=a\nloss = mse p=1",
          kFeatures),
      "m.ini:1: a: dense needs units= (outputs)\n"
      "m.ini:1: a: dense has no option unit (did you mean units?)\n"
      "m.ini:2: a: from=b: no layer has this name (did you mean a?)\n"
      "m.ini:2: a: another line has this name (names are unique)\n"
      "m.ini:3: c: add takes two or more inputs, not 1 (name them: from=A,B)\n"
      "m.ini:4: loss: mse has no option p (known: weight)");
}

TEST(BuildErrors, EdgesMustPointBackwards) {
  EXPECT_EQ(build_error("layer = a: relu from=b\nlayer = b: dense units=10" + kLoss, kFeatures),
            "m.ini:1: a: from=b: that layer is not declared before this one (move it up)");
  EXPECT_EQ(
      build_error("layer = a: relu from=input,input\nlayer = b: dense units=10" + kLoss, kFeatures),
      "m.ini:1: a: relu takes one input, not 2 (join them with add or concat)");
}

TEST(BuildErrors, LayersThatNothingReadsAreRefused) {
  EXPECT_EQ(build_error("layer = a: relu\nlayer = b: dense units=10 from=input" + kLoss, kFeatures),
            "m.ini:1: a: nothing reads its output (use it with from=a or remove it)");
}

TEST(BuildErrors, OverridesMustNameALayer) {
  ModelConfig model = model_of("layer = conv1: dense units=10" + kLoss);
  model.overrides["conv2"] = {{"units", "3"}};
  EXPECT_EQ(error_of([&] { expand_model(model, kFeatures); }),
            "model.conv2: no layer has this name (did you mean conv1?)");
}

TEST(BuildErrors, AModelNeedsLayers) {
  EXPECT_EQ(build_error("", kFeatures),
            "the model has no layers (set model.preset or add layer lines to [model])");
}

TEST(BuildErrors, InputMustFitTheData) {
  const auto error = [](const std::string& input, const DataShape& data) {
    return build_error("input = " + input + "\nlayer = flatten\nlayer = dense units=10" + kLoss,
                       data);
  };
  EXPECT_EQ(error("1x7x7", features(64, 10)),
            "m.ini:1: 1x7x7: the input is 1x7x7, a sample of the data is 64: 49 values against 64 "
            "(correct the input line or data.channels, data.height, data.width)");
  EXPECT_EQ(
      error("4x4x4", features(64, 10)),
      "m.ini:1: 4x4x4: the input is 4x4x4, a sample of the data is 64: flat values have no "
      "channels "
      "(set data.channels, data.height and data.width, which say how the values are ordered)");
  EXPECT_EQ(error("64", images(1, 8, 8, 10)),
            "m.ini:1: 64: the input is 64, a sample of the data is 1x8x8 "
            "(keep the data's shape and add layer = flatten or layer = reshape)");
  EXPECT_EQ(error("x: 8by8", features(64, 10)),
            "m.ini:1: x: 8by8 is not a shape (as 1x28x28 or 64)");
  EXPECT_EQ(error("x: 64 dtype=int64", features(64, 10)),
            "m.ini:1: x: the ids are called x (write input = ids: ...)\n"
            "m.ini:1: x: the data has no ids (name their columns in data.ids, or remove dtype)");
  EXPECT_EQ(error("x: 64 dtype=int32", features(64, 10)),
            "m.ini:1: x: dtype=int32, but the data is float32 (remove dtype; ids are int64)");
  EXPECT_EQ(error("x: 64 type=int64", features(64, 10)),
            "m.ini:1: x: an input has no option type (did you mean dtype?)");
}

TEST(BuildErrors, SeveralInputsShareOutAFlatSample) {
  const auto error = [](const std::string& lines, const DataShape& data) {
    return build_error(lines +
                           "\nlayer = a: dense units=4 from=x\nlayer = b: dense units=4 from=y\n"
                           "layer = add from=a,b\nlayer = dense units=10" +
                           kLoss,
                       data);
  };
  EXPECT_EQ(error("input = x: 32\ninput = y: 32", features(64, 10)), "");
  EXPECT_EQ(error("input = x: 32\ninput = y: 31", features(64, 10)),
            "m.ini:2: y: the inputs are 32 + 31 = 63 values, a sample of the data has 64 "
            "(the input lines share out the columns of a sample, in their order)");
  EXPECT_EQ(error("input = x: 1x8x8\ninput = y: 64", features(64, 10)),
            "m.ini:2: y: the inputs are 64 + 64 = 128 values, a sample of the data has 64 "
            "(the input lines share out the columns of a sample, in their order)");
  EXPECT_EQ(error("input = x: 32\ninput = y: 32", images(1, 8, 8, 10)),
            "m.ini:2: y: a second input, but a sample of the data is an image 1x8x8 "
            "(several inputs are columns of flat samples; layer = slice takes channels apart)");
  EXPECT_EQ(error("input = x: 32 type=int64\ninput = y: 8by4", features(64, 10)),
            "m.ini:1: x: an input has no option type (did you mean dtype?)\n"
            "m.ini:2: y: 8by4 is not a shape (as 1x28x28 or 64)");
  EXPECT_EQ(error("input = x: 32\ninput = y: 2x2x2x4", features(64, 10)),
            "m.ini:2: y: 2x2x2x4 has 4 extents (one of several inputs has up to three)");
  EXPECT_EQ(build_error("input = x: 32\ninput = y: 32\npreset = mlp", features(64, 10)),
            "m.ini:2: y: a second input, but presets have one "
            "(remove this line, or write the model as layer lines)");
}

TEST(BuildErrors, SeveralInputsAreReadByTheirNames) {
  EXPECT_EQ(
      build_error("input = x: 60\ninput = y: 4\nlayer = dense units=10" + kLoss, features(64, 10)),
      "m.ini:3: dense_1: the model has several inputs (name one: from=y)\n"
      "m.ini:1: x: nothing reads this input (use it with from=x)");
  EXPECT_EQ(build_error("input = 32\ninput = x: 16\ninput = x: 16\nlayer = c: concat from=input,x\n"
                        "layer = dense units=10" +
                            kLoss,
                        features(64, 10)),
            "m.ini:1: input: several inputs need names of their own, not input "
            "(as in input = left: 32)\n"
            "m.ini:3: x: another line has this name (names are unique)");
}

// 64 columns, and 26 features of up to 3 ids.
DataShape with_ids(int64_t columns = 64) {
  DataShape data = features(columns, 10);
  data.id_features = 26;
  data.id_values = 3;
  return data;
}

TEST(BuildErrors, IdsAreAnInputOfTheirOwn) {
  const auto error = [](const std::string& lines) {
    return build_error(lines + "\nlayer = dense units=10 from=x" + kLoss, with_ids());
  };
  EXPECT_EQ(error("input = x: 64"),
            "the model: no line reads the 26x3 ids of a sample "
            "(add input = ids: 26x3 dtype=int64, or leave out data.ids)");
  EXPECT_EQ(error("input = x: 64\ninput = ids: 26x2 dtype=int64"),
            "m.ini:2: ids: nothing reads this input (use it with from=ids)\n"
            "m.ini:2: ids: the ids are 26x2, a sample of the data has 26x3 (features x values) "
            "(write input = ids: 26x3 dtype=int64)");
  EXPECT_EQ(error("input = x: 64\ninput = ids: 26x3"),
            "m.ini:2: ids: the inputs are 64 + 78 = 142 values, a sample of the data has 64 "
            "(the input lines share out the columns of a sample, in their order)\n"
            "m.ini:2: ids: ids are not float32 (write dtype=int64, or choose another name)\n"
            "m.ini:2: ids: nothing reads this input (use it with from=ids)\n"
            "the model: no line reads the 26x3 ids of a sample "
            "(add input = ids: 26x3 dtype=int64, or leave out data.ids)");
  EXPECT_EQ(build_error("input = ids: 26x3 dtype=int64\ninput = 64\nlayer = dense units=10" + kLoss,
                        with_ids()),
            "m.ini:3: dense_1: the model has several inputs (name one: from=ids)\n"
            "m.ini:2: input: nothing reads this input (use it with from=input)");
}

TEST(BuildErrors, AnIdIsNoNumber) {
  const auto error = [](const std::string& from, int64_t columns) {
    std::string what;
    try {
      build("input = 26x3 dtype=int64\nlayer = out: dense units=10 from=" + from + kLoss,
            with_ids(columns));
    } catch (const Error& e) {
      what = e.what() + (" (" + e.hint() + ")");
    }
    return what;
  };
  EXPECT_EQ(error("ids", 64),
            "layer out (m.ini:2): dense: reads float32, but ids is int64 "
            "(look ids up in a table first)");
  EXPECT_EQ(error("input", 64), "m.ini:1: ids: nothing reads this input (use it with from=ids) ()");
}

std::string loss_error(const std::string& units, const std::string& loss, const DataShape& data) {
  return build_error("layer = out: dense units=" + units + "\nloss = " + loss, data);
}

TEST(BuildErrors, LossesMustFitTheTargets) {
  EXPECT_EQ(loss_error("10", "mse", kFeatures),
            "m.ini:2: loss: mse needs real values, but the data has labels of 10 classes "
            "(set data.target = value, or use softmax_cross_entropy)");
  EXPECT_EQ(loss_error("1", "hinge", values(8)),
            "m.ini:2: loss: hinge needs class labels, but the data has real values "
            "(set data.target = class, or use mse, mae or huber)");
  EXPECT_EQ(loss_error("1", "sigmoid_cross_entropy", kFeatures),
            "m.ini:2: loss: sigmoid_cross_entropy tells two classes apart, but the data has 10 "
            "(use softmax_cross_entropy)");
  EXPECT_EQ(
      loss_error("10", "softmax_cross_entropy target=mask", kFeatures),
      "m.ini:2: loss: target=mask: the data has no such field (the data's field is called target)");
  EXPECT_EQ(loss_error("10", "softmax_cross_entropy class_weights=1,2", kFeatures),
            "m.ini:2: loss: class_weights has 2 values, but the data has 10 classes (one factor "
            "per class)");
}

TEST(BuildErrors, OutputsMustFitTheTargets) {
  const std::string hint = " (set the units of the last dense layer)";
  EXPECT_EQ(
      loss_error("9", "softmax_cross_entropy", kFeatures),
      "m.ini:2: loss: out gives 9 output(s) for each sample, but the data has 10 classes" + hint);
  EXPECT_EQ(loss_error("3", "hinge", features(8, 2)),
            "m.ini:2: loss: out gives 3 output(s) for each sample, but the data has 2 classes, "
            "which need 2 outputs or 1" +
                hint);
  EXPECT_EQ(loss_error("2", "sigmoid_cross_entropy", features(8, 2)),
            "m.ini:2: loss: out gives 2 output(s) for each sample, but the data has 2 classes, "
            "which need 1 output" +
                hint);
  EXPECT_EQ(
      loss_error("1", "mse", values(8, 3)),
      "m.ini:2: loss: out gives 1 output(s) for each sample, but the data has 3 value(s)" + hint);
}

TEST(BuildErrors, SoftmaxBeforeItsLossIsAMistake) {
  EXPECT_EQ(build_error("layer = dense units=10\nlayer = s: softmax" + kLoss, kFeatures),
            "m.ini:3: loss: softmax_cross_entropy applies softmax itself, but s did so before "
            "(remove that softmax: predictions apply it by themselves)");
}

TEST(BuildErrors, ShapesThatDoNotFitNameTheLayer) {
  const std::string message =
      build_error("layer = c1: conv2d filters=4 kernel=3" + kLoss, kFeatures);
  EXPECT_TRUE(message.starts_with("layer c1 (m.ini:1): conv2d: ")) << message;
}

TEST(BuildErrors, OpsThatRefuseAnOptionAreReportedWithTheirLine) {
  const std::string message = layer_error("d: dense units=3 init=kaimin");
  EXPECT_TRUE(message.starts_with("m.ini:1: d: dense: init is kaimin, which is no initializer"))
      << message;
}

}  // namespace
}  // namespace trireme
