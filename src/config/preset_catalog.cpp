#include "config/preset_catalog.h"

#include <algorithm>

namespace trireme {
namespace {

PresetKey integer(std::string name, std::string value, double min, double max, std::string unit,
                  std::string help) {
  return {std::move(name),
          PresetKeyType::integer,
          std::move(value),
          min,
          max,
          std::move(unit),
          std::move(help),
          {}};
}
PresetKey number(std::string name, std::string value, double min, double max, std::string help) {
  return {
      std::move(name), PresetKeyType::number, std::move(value), min, max, "", std::move(help), {}};
}
PresetKey text(std::string name, std::string value, std::string help,
               std::vector<std::string> choices = {}) {
  return {std::move(name), PresetKeyType::text, std::move(value), 0, 0, "",
          std::move(help), std::move(choices)};
}
PresetKey boolean(std::string name, std::string value, std::string help) {
  return {std::move(name), PresetKeyType::boolean, std::move(value), 0, 0, "", std::move(help), {}};
}

PresetKey activation() {
  return text("activation", "relu", "non-linearity between the layers",
              {"relu", "leaky_relu", "gelu", "silu", "sigmoid", "tanh"});
}
PresetKey stats() {
  return text("stats", "global",
              "batch normalisation over the whole batch (global) or one virtual shard (shard)",
              {"global", "shard"});
}

std::vector<Preset> linear_presets() {
  return {
      {"linear_regression",
       "one dense layer, mean squared error; needs data.target = value",
       {boolean("bias", "true", "add an intercept")}},
      {"logistic_regression",
       "one dense layer with one output per class, softmax cross-entropy",
       {boolean("bias", "true", "add an intercept")}},
      {"svm",
       "linear support vector machine: one dense layer, multi-class hinge loss; its L2 term is "
       "optimizer.weight_decay",
       {boolean("bias", "true", "add an intercept"),
        number("margin", "1", 0, 1e6, "margin of the hinge loss"),
        boolean("squared", "true", "square the hinge terms")}},
      {"mlp",
       "dense layers; classes or real values",
       {text("hidden", "128,64", "widths of the hidden layers, comma-separated"), activation(),
        number("dropout", "0", 0, 0.999, "drop probability after each hidden layer")}},
  };
}

std::vector<Preset> image_presets() {
  return {
      {"lenet5",
       "LeCun et al. 1998: conv 6 - pool - conv 16 - pool - dense 120 - 84 - classes; for 28x28 "
       "images",
       {activation(), text("pool", "max", "kind of pooling", {"max", "avg"})}},
      {"mnist_cnn",
       "conv 32 - conv 64 - pool - dropout - dense - dropout - classes; for 28x28 images",
       {integer("hidden", "128", 1, 65536, "units", "width of the dense layer"),
        number("conv_dropout", "0.25", 0, 0.999, "drop probability after the convolutions"),
        number("dense_dropout", "0.5", 0, 0.999, "drop probability after the dense layer")}},
      {"cifar_cnn",
       "two blocks of two 3x3 convolutions and a pooling, then two dense layers; for 32x32 images",
       {integer("width", "32", 1, 4096, "filters",
                "filters of the first block; the second has twice as many"),
        integer("hidden", "128", 1, 65536, "units", "width of the dense layer"),
        boolean("batch_norm", "true", "normalise after each convolution"), stats(),
        number("dropout", "0", 0, 0.999, "drop probability before the last layer")}},
      {"resnet20",
       "He et al. 2016 for CIFAR: three stages of three blocks, 1x1 convolutions as projections",
       {integer("width", "16", 1, 4096, "filters", "filters of the first stage"), stats()}},
      {"resnet18", "He et al. 2016 for ImageNet, with torchvision's parameter names", {stats()}},
      {"resnet50",
       "He et al. 2016 for ImageNet, stride in the 3x3 convolutions, with torchvision's parameter "
       "names",
       {stats()}},
  };
}

PresetKey dim(const char* value) {
  return integer("dim", value, 1, 65536, "values", "of an embedding");
}

std::vector<Preset> recommender_presets() {
  return {
      {"sparse_logistic",
       "logistic regression on ids: one weight per id; two classes; for optimizer.name = ftrl",
       {boolean("bias", "true", "add an intercept")}},
      {"wide_deep",
       "Cheng et al. 2016: one weight per id, added to dense layers over embeddings and columns; "
       "two classes",
       {dim("16"), text("hidden", "256,128,64", "widths of the hidden layers, comma-separated")}},
      {"deepfm",
       "Guo et al. 2017: one weight per id, a factorisation machine of the embeddings and dense "
       "layers over them; two classes",
       {dim("16"), text("hidden", "400,400,400", "widths of the hidden layers, comma-separated")}},
      {"dlrm",
       "Naumov et al. 2019: products of pairs of embeddings and of the columns' own vector; two "
       "classes",
       {dim("16"), text("bottom", "512,256,64", "hidden layers of the columns, comma-separated"),
        text("top", "512,256", "hidden layers after the products, comma-separated")}},
      {"matrix_factorization",
       "Koren et al. 2009: product of the embeddings of two ids, a bias for each and one for all; "
       "real values or two classes",
       {dim("32")}},
  };
}

}  // namespace

std::span<const Preset> preset_catalog() {
  static const std::vector<Preset> catalog = [] {
    auto presets = linear_presets();
    for (auto& preset : image_presets()) presets.push_back(std::move(preset));
    for (auto& preset : recommender_presets()) presets.push_back(std::move(preset));
    return presets;
  }();
  return catalog;
}

const Preset* find_preset(std::string_view name) {
  const auto catalog = preset_catalog();
  const auto it =
      std::find_if(catalog.begin(), catalog.end(), [&](const Preset& p) { return p.name == name; });
  return it == catalog.end() ? nullptr : &*it;
}

}  // namespace trireme
