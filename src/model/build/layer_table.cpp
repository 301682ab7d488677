#include "model/build/layer_table.h"

namespace trireme {
namespace {

using enum OptionType;
using Rules = std::vector<OptionRule>;
constexpr double kMaxExtent = 1 << 16;
constexpr int kAnyInputs = 1 << 16;

OptionRule positive(std::string key, std::string value, std::string help) {
  return {std::move(key), integer, std::move(value), std::move(help), false, 1, 1e9};
}
OptionRule required(OptionRule rule) {
  rule.required = true;
  return rule;
}
OptionRule window(std::string key, std::string value, std::string help) {
  return {std::move(key), extent, std::move(value), std::move(help), false, 1, kMaxExtent};
}
OptionRule pad(std::string help) {
  return {"padding", padding, "0", std::move(help), false, 0, kMaxExtent};
}
OptionRule flag(std::string key, std::string value, std::string help) {
  return {std::move(key), boolean, std::move(value), std::move(help)};
}
OptionRule real(std::string key, std::string value, std::string help, double min, double max) {
  return {std::move(key), number, std::move(value), std::move(help), false, min, max};
}
OptionRule one_of(std::string key, std::string value, std::string help,
                  std::vector<std::string> choices) {
  return {std::move(key),    choice, std::move(value), std::move(help), false, 0, 0,
          std::move(choices)};
}

// What dense and convolution have in common: bias, activation and where the weights come from.
Rules with_weights(Rules rules) {
  rules.push_back(flag("bias", "true", "add a bias"));
  rules.push_back(one_of("activation", "none", "applied to the result",
                         {"none", "relu", "leaky_relu", "gelu", "silu", "sigmoid", "tanh"}));
  rules.push_back({"init", initializer, "", "initial weights; default: model.initializer's"});
  rules.push_back({"bias_init", initializer, "", "initial bias; default: model.initializer's"});
  rules.push_back({"weight", slot, "", "NAME.weight: share the weights of another layer"});
  rules.push_back(
      flag("fixed", "false", "the weights stay what they start as; the bias is trained"));
  return rules;
}

std::vector<LayerRule> weighted_layers() {
  return {
      {"dense", "dense", "y = x W^T + b", false, 1, 1,
       with_weights({required(positive("units", "", "outputs"))})},
      {"conv2d", "conv2d", "2-D convolution (cross-correlation)", false, 1, 1,
       with_weights({required(positive("filters", "", "output channels")),
                     required(window("kernel", "", "height x width")),
                     window("stride", "1", "step"),
                     pad("zeros around the image; same: output size = input size / stride"),
                     window("dilation", "1", "distance of the kernel's points"),
                     positive("groups", "1", "groups of channels that do not mix")})},
      {"depthwise_conv2d", "conv2d", "one kernel (or several) per channel", false, 1, 1,
       with_weights({required(window("kernel", "", "height x width")),
                     window("stride", "1", "step"),
                     pad("zeros around the image; same: output size = input size / stride"),
                     window("dilation", "1", "distance of the kernel's points"),
                     positive("multiplier", "1", "outputs per channel")})},
      {"batch_norm",
       "batch_norm",
       "normalises each channel over the batch",
       false,
       1,
       1,
       {one_of("stats", "global", "over the whole batch, or one virtual shard",
               {"global", "shard"}),
        real("momentum", "0.1", "weight of the new value in running statistics", 0, 1),
        real("epsilon", "1e-5", "added to the variance", 0, 1)}},
      {"layer_norm",
       "layer_norm",
       "normalises each sample over its last axis",
       false,
       1,
       1,
       {real("epsilon", "1e-5", "added to the variance", 0, 1)}},
  };
}

std::vector<LayerRule> table_layers() {
  return {
      {"embedding_bag",
       "embedding_bag",
       "sum or mean of the rows of each feature's ids",
       false,
       1,
       1,
       {{"table", text, "", "name of its table; default: the layer's"},
        required(positive("dim", "", "values of a row")),
        one_of("mode", "sum", "of several ids of a feature", {"sum", "mean"}),
        flag("per_feature", "true", "the same id of two features is two rows"),
        flag("flat", "false", "features side by side, not one below the other"),
        one_of("init", "uniform", "of a new row", {"uniform", "normal", "zeros"}),
        {"scale", number, "",
         "uniform: the bound, default 1 / sqrt(dim); normal: the deviation, default 0.01", false,
         1e-12, 1e6}}},
      {"dot_interaction",
       "dot_interaction",
       "products of all pairs of vectors, after the first vector",
       false,
       1,
       2,
       {}},
      {"cross", "cross", "x0 (w.x + b) + x, from=x0,x", false, 2, 2, {}},
      {"factorization_machine",
       "factorization_machine",
       "sum of the products of all pairs of vectors",
       false,
       1,
       1,
       {flag("reduce", "true", "add up the elements of the vectors")}},
  };
}

std::vector<LayerRule> plain_layers() {
  const Rules pool = {required(window("size", "", "height x width of the window")),
                      window("stride", "", "step; default: size"), pad("around the image")};
  Rules average = pool;
  average.push_back(
      flag("count_include_pad", "true", "divide by the whole window, padding included"));
  return {
      {"maxpool2d", "max_pool2d", "largest value of each window", false, 1, 1, pool},
      {"avgpool2d", "avg_pool2d", "mean of each window", false, 1, 1, average},
      {"global_avg_pool", "global_avg_pool", "mean of each channel", false, 1, 1, {}},
      {"dropout",
       "dropout",
       "zeroes values at random while training",
       false,
       1,
       1,
       {real("p", "0.5", "probability of a zero", 0, 0.999)}},
      {"flatten", "flatten", "all axes into one", false, 1, 1, {}},
      {"reshape",
       "reshape",
       "another shape of as many elements",
       false,
       1,
       1,
       {{"shape", shape, "", "as 16x7x7; one part may be -1: what is left over", true}}},
      {"add", "add", "sum of equal shapes", false, 2, kAnyInputs, {}},
      {"concat", "concat", "joins channels or features", false, 2, kAnyInputs, {}},
      {"slice",
       "slice",
       "some of the channels or features",
       false,
       1,
       1,
       {{"begin", integer, "0", "the first one taken, counted from 0", false, 0, 1e9},
        required(positive("count", "", "how many"))}},
      {"relu", "relu", "max(0, x)", false, 1, 1, {}},
      {"leaky_relu",
       "leaky_relu",
       "x, or alpha x below 0",
       false,
       1,
       1,
       {real("alpha", "0.01", "slope below 0", 1e-9, 1e6)}},
      {"gelu",
       "gelu",
       "x times the normal distribution function",
       false,
       1,
       1,
       {one_of("approximate", "none", "exact (none) or by tanh", {"none", "tanh"})}},
      {"silu", "silu", "x sigmoid(x)", false, 1, 1, {}},
      {"sigmoid", "sigmoid", "1 / (1 + exp(-x))", false, 1, 1, {}},
      {"tanh", "tanh", "hyperbolic tangent", false, 1, 1, {}},
      {"softmax", "softmax", "exp(x) / sum of exp(x)", false, 1, 1, {}},
  };
}

std::vector<LayerRule> losses() {
  const OptionRule weight = real("weight", "1", "factor of this loss in the total", 0, 1e9);
  return {
      {"softmax_cross_entropy",
       "softmax_cross_entropy",
       "logits of each class against class labels",
       true,
       1,
       1,
       {weight,
        real("label_smoothing", "0", "share of the target spread over all classes", 0, 0.999),
        {"class_weights", numbers, "", "one factor per class", false, 0, 1e9}}},
      {"sigmoid_cross_entropy",
       "sigmoid_cross_entropy",
       "logits against 0/1 targets",
       true,
       1,
       1,
       {weight, real("positive_weight", "1", "factor of the positive targets", 0, 1e9)}},
      {"mse", "mse", "mean squared error", true, 1, 1, {weight}},
      {"mae", "mae", "mean absolute error", true, 1, 1, {weight}},
      {"huber",
       "huber",
       "squared below delta, linear above",
       true,
       1,
       1,
       {weight, real("delta", "1", "where the square ends", 1e-12, 1e12)}},
      {"hinge",
       "hinge",
       "margin between the true class and the others",
       true,
       1,
       1,
       {weight, real("margin", "1", "wanted distance", 0, 1e6),
        flag("squared", "false", "square each term")}},
  };
}

}  // namespace

std::span<const LayerRule> layer_table() {
  static const std::vector<LayerRule> table = [] {
    auto all = weighted_layers();
    for (auto& rule : table_layers()) all.push_back(std::move(rule));
    for (auto& rule : plain_layers()) all.push_back(std::move(rule));
    for (auto& rule : losses()) all.push_back(std::move(rule));
    return all;
  }();
  return table;
}

const LayerRule* find_layer_rule(std::string_view op, bool loss) {
  for (const auto& rule : layer_table())
    if (rule.loss == loss && rule.op == op) return &rule;
  return nullptr;
}

std::vector<std::string> layer_ops(bool losses) {
  std::vector<std::string> names;
  for (const auto& rule : layer_table())
    if (rule.loss == losses) names.push_back(rule.op);
  return names;
}

}  // namespace trireme
