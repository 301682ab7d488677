#include <gtest/gtest.h>

#include <algorithm>
#include <array>

#include "config/preset_catalog.h"
#include "model/build/model_text.h"

namespace trireme {
namespace {

using namespace testing_model;
using testing::Contains;
using testing::ElementsAre;

// The counts that PyTorch gives for the same layers.
struct Case {
  std::string text;
  DataShape data;
  int64_t params;
};

void PrintTo(const Case& c, std::ostream* out) { *out << c.text; }

constexpr std::array<std::string_view, 5> kOfIds = {"sparse_logistic", "wide_deep", "deepfm",
                                                    "dlrm", "matrix_factorization"};

// 26 features of one id, as Criteo's, beside dense columns.
DataShape clicks(int64_t columns) {
  DataShape data = features(columns, 2);
  data.id_features = 26;
  data.id_values = 1;
  return data;
}

DataShape data_for(std::string_view preset) {
  if (std::find(kOfIds.begin(), kOfIds.end(), preset) != kOfIds.end()) return clicks(13);
  return preset == "linear_regression" ? values(16) : images(3, 64, 64, 10);
}

class PresetSize : public testing::TestWithParam<Case> {};

TEST_P(PresetSize, HasTheKnownNumberOfParameters) {
  const auto graph = build(GetParam().text, GetParam().data);
  EXPECT_EQ(count_params(*graph), GetParam().params);
  EXPECT_EQ(graph->losses().size(), 1u);
  const Node& out = graph->node(graph->output());
  EXPECT_EQ(out.shape.elements(),
            GetParam().data.classes > 0 ? GetParam().data.classes : GetParam().data.target_width);
}

INSTANTIATE_TEST_SUITE_P(
    Presets, PresetSize,
    testing::Values(Case{"preset = linear_regression", values(64), 65},
                    Case{"preset = linear_regression\nbias = false", values(64, 3), 192},
                    Case{"preset = logistic_regression", images(1, 28, 28, 10), 7850},
                    Case{"preset = svm", features(64, 10), 650},
                    Case{"preset = mlp", images(1, 28, 28, 10), 109386},
                    Case{"preset = mlp\nhidden = 32\ndropout = 0.5", values(8), 321},
                    Case{"preset = mlp\nhidden =", features(64, 10), 650},
                    Case{"preset = lenet5", images(1, 28, 28, 10), 61706},
                    Case{"preset = lenet5\ninput = 1x28x28", features(784, 10), 61706},
                    Case{"preset = mnist_cnn", images(1, 28, 28, 10), 1199882},
                    Case{"preset = cifar_cnn", images(3, 32, 32, 10), 591466},
                    Case{"preset = cifar_cnn\nbatch_norm = false\ndropout = 0.3",
                         images(3, 32, 32, 10), 591274},
                    Case{"preset = resnet20", images(3, 32, 32, 10), 272474},
                    Case{"preset = resnet18", images(3, 224, 224, 1000), 11689512},
                    Case{"preset = resnet50", images(3, 224, 224, 1000), 25557032}));

TEST(Presets, EveryOneOfTheCatalogBuilds) {
  for (const Preset& preset : preset_catalog()) {
    const auto graph = build("preset = " + preset.name, data_for(preset.name));
    EXPECT_GT(count_params(*graph), 0) << preset.name;
  }
}

// Layers that the papers name: parameters of the index space, without the tables.
TEST(Presets, OfIdsHaveTheKnownNumbersOfParametersAndTables) {
  const auto sizes = [](const std::string& text, const DataShape& data) {
    const auto graph = build("preset = " + text, data);
    std::vector<int64_t> result = {count_params(*graph)};
    for (const auto& table : graph->tables()) result.push_back(table.dim);
    return result;
  };
  EXPECT_THAT(sizes("sparse_logistic", clicks(0)), ElementsAre(26 + 1, 1));
  // Columns and embeddings: 13 + 26 x 16 = 429.
  const int64_t deep = 430 * 256 + 257 * 128 + 129 * 64 + 65;
  EXPECT_THAT(sizes("wide_deep", clicks(13)), ElementsAre(26 + deep, 1, 16));
  EXPECT_THAT(sizes("deepfm\nhidden = 8\ndim = 4", clicks(0)),
              ElementsAre(26 + 26 * 4 * 8 + 8 + 9, 1, 4));
  // 27 vectors: 16 + 27 x 26 / 2 = 367 inputs of the top.
  const int64_t bottom = 14 * 512 + 513 * 256 + 257 * 64 + 65 * 16;
  EXPECT_THAT(sizes("dlrm", clicks(13)), ElementsAre(bottom + 368 * 512 + 513 * 256 + 257, 16));
  EXPECT_THAT(sizes("dlrm\ntop = 4", clicks(0)), ElementsAre((16 + 325 + 1) * 4 + 5, 16));
  DataShape ratings = values(0);
  ratings.id_features = 2;
  ratings.id_values = 1;
  EXPECT_THAT(sizes("matrix_factorization", ratings), ElementsAre(2 + 1, 1, 32));
}

TEST(Presets, OfIdsAddUpWeightsThatAreNotTrained) {
  const auto graph = build("preset = sparse_logistic", clicks(0));
  for (const Slot& slot : graph->params().slots()) {
    EXPECT_EQ(slot.trainable, slot.name == "out.bias") << slot.name;
    EXPECT_EQ(slot.init.kind, slot.name == "out.weight" ? Init::ones : Init::zeros) << slot.name;
  }
}

TEST(Presets, OfIdsSayWhatTheyNeed) {
  EXPECT_EQ(build_error("preset = dlrm", features(13, 2)),
            "preset dlrm: needs ids, but the data has none (name their columns in data.ids)");
  DataShape many = clicks(13);
  many.classes = 3;
  EXPECT_EQ(build_error("preset = deepfm", many),
            "preset deepfm: is of two classes, but the data has 3");
  EXPECT_EQ(build_error("input = 13\npreset = dlrm", clicks(13)),
            "m.ini:1: 13: an input, but this preset declares its own (remove this line)");
}

TEST(Presets, ResNet18HasTorchvisionsParameterNames) {
  const auto graph = build("preset = resnet18", images(3, 224, 224, 1000));
  EXPECT_EQ(graph->params().slots().size(), 62u);
  const auto names = slot_names(graph->params());
  for (const char* name :
       {"conv1.weight", "bn1.bias", "layer1.0.conv1.weight", "layer1.0.bn1.weight",
        "layer2.0.downsample.0.weight", "layer2.0.downsample.1.bias", "layer4.1.conv2.weight",
        "fc.weight", "fc.bias"})
    EXPECT_THAT(names, Contains(name));
  EXPECT_THAT(slot_names(graph->state()), Contains("layer1.0.bn1.running_mean"));
  EXPECT_EQ(graph->params().find("layer2.0.downsample.0.weight")->logical, (Shape{128, 64, 1, 1}));
}

TEST(Presets, ResNet50HalvesTheImageInItsThreeByThreeConvolutions) {
  const auto graph = build("preset = resnet50", images(3, 224, 224, 1000));
  EXPECT_EQ(graph->params().slots().size(), 161u);
  EXPECT_EQ(graph->node(graph->find("maxpool")).shape, (Shape{64, 56, 56}));
  EXPECT_EQ(graph->node(graph->find("layer2.0.conv1")).shape, (Shape{128, 56, 56}));
  EXPECT_EQ(graph->node(graph->find("layer2.0.conv2")).shape, (Shape{128, 28, 28}));
  EXPECT_EQ(graph->node(graph->find("layer4.2.relu")).shape, (Shape{2048, 7, 7}));
}

TEST(Presets, ShortcutReadsTheBlocksInputUnlessTheShapeChanges) {
  const auto graph = build("preset = resnet20", images(3, 32, 32, 10));
  const auto inputs_of = [&](const char* name) { return graph->node(graph->find(name)).inputs; };
  EXPECT_THAT(inputs_of("layer1.0.add"),
              ElementsAre(graph->find("layer1.0.bn2"), graph->find("relu")));
  EXPECT_THAT(inputs_of("layer2.0.add"),
              ElementsAre(graph->find("layer2.0.bn2"), graph->find("layer2.0.downsample.1")));
}

TEST(Presets, ALayerCanBeChangedByItsName) {
  ModelConfig model = model_of("preset = lenet5");
  model.overrides["c1"] = {{"filters", "8"}, {"activation", "tanh"}};
  model.overrides["loss"] = {{"label_smoothing", "0.1"}};
  const auto graph = build(model, images(1, 28, 28, 10));
  EXPECT_EQ(graph->node(graph->find("c1")).shape, (Shape{8, 28, 28}));
  EXPECT_GE(graph->find("c1_tanh"), 0);
  EXPECT_EQ(graph->find("c1_relu"), -1);
}

TEST(Presets, LossAndMetricLinesReplaceThePresets) {
  const auto lines =
      expand_model(model_of("preset = mlp\nloss = hinge\nmetric = top_k k=3"), features(8, 4));
  ASSERT_EQ(lines.losses.size(), 1u);
  EXPECT_EQ(lines.losses[0].op, "hinge");
  ASSERT_EQ(lines.metrics.size(), 1u);
  EXPECT_EQ(lines.metrics[0].op, "top_k");
}

TEST(Presets, ExpandingTwiceChangesNothing) {
  for (const Preset& preset : preset_catalog()) {
    const DataShape data = data_for(preset.name);
    const auto once = expand_model(model_of("preset = " + preset.name), data);
    const auto twice = expand_model(once, data);
    ASSERT_EQ(once.layers.size(), twice.layers.size());
    for (size_t i = 0; i < once.layers.size(); ++i) {
      EXPECT_EQ(once.layers[i].name, twice.layers[i].name);
      EXPECT_EQ(once.layers[i].options, twice.layers[i].options);
      EXPECT_EQ(once.layers[i].from, twice.layers[i].from);
    }
    EXPECT_EQ(once.losses[0].name, twice.losses[0].name);
  }
}

TEST(Presets, UnknownPresetNamesTheNearest) {
  EXPECT_EQ(build_error("preset = lenet", images(1, 28, 28, 10)),
            "model.preset: unknown preset lenet (did you mean lenet5?)");
}

TEST(Presets, AllBadKeysAreReportedAtOnce) {
  EXPECT_EQ(build_error("preset = lenet5\npol = avg\nactivation = rellu\npool = mean",
                        images(1, 28, 28, 10)),
            "preset lenet5: unknown key pol (did you mean pool?)\n"
            "preset lenet5: activation = rellu is not one of relu, leaky_relu, gelu, silu, "
            "sigmoid, tanh\n"
            "preset lenet5: pool = mean is not one of max, avg");
  EXPECT_EQ(build_error("preset = cifar_cnn\nwidth = 0\ndropout = x\nbatch_norm = yes",
                        images(3, 32, 32, 10)),
            "preset cifar_cnn: width = 0 is not an integer from 1 to 4096\n"
            "preset cifar_cnn: dropout = x is not a number from 0 to 0.999\n"
            "preset cifar_cnn: batch_norm = yes is not true or false");
}

TEST(Presets, MlpWidthsMustBePositiveIntegers) {
  EXPECT_EQ(build_error("preset = mlp\nhidden = 64,0", features(8, 3)),
            "preset mlp: hidden = 64,0 has 0, which is not a width (integers >= 1, "
            "comma-separated, as 128,64)");
}

TEST(Presets, TargetsMustSuitThePreset) {
  EXPECT_EQ(
      build_error("preset = lenet5", {{1, 28, 28}, true, 0, 1, false}),
      "preset lenet5: needs class labels, but the data has real values (set data.target = class)");
  EXPECT_EQ(build_error("preset = linear_regression", features(64, 10)),
            "preset linear_regression: needs real values, but the data has labels of 10 classes "
            "(set data.target = value, or model.preset = logistic_regression)");
}

TEST(Presets, ImageModelsRefuseFlatData) {
  EXPECT_EQ(build_error("preset = mnist_cnn", features(784, 10)),
            "preset mnist_cnn: needs images, but a sample of the data is 784 values "
            "(set data.channels, data.height and data.width, or model.input = 1xHxW)");
}

TEST(Presets, LayersBesideAPresetAreRefused) {
  EXPECT_EQ(
      build_error("preset = mlp\nlayer = dense units=3", features(8, 3)),
      "m.ini:2: layer lines cannot stand beside model.preset = mlp "
      "(remove the preset or the layers; trireme config prints a preset as layers to start from)");
}

}  // namespace
}  // namespace trireme
