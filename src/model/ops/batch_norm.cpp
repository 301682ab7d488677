#include "model/ops/batch_norm.h"

#include <fmt/format.h>

#include "base/error.h"
#include "model/ops/lowered_batch_norm.h"
#include "model/ops/rules.h"

namespace trireme {

std::shared_ptr<const Op> BatchNorm::make(AttributeReader& reader) {
  Options options;
  options.global = reader.choice("stats", "global", {"global", "shard"}) == "global";
  options.momentum = reader.number("momentum", 0.1);
  if (!(options.momentum >= 0 && options.momentum <= 1))
    throw ConfigError(fmt::format("batch_norm: momentum is {}, expected 0 to 1", options.momentum));
  options.epsilon = reader.number("epsilon", 1e-5);
  if (!(options.epsilon > 0))
    throw ConfigError(
        fmt::format("batch_norm: epsilon is {}, expected more than 0", options.epsilon));
  options.relu = reader.choice("activation", "none", {"none", "relu"}) == "relu";
  options.addend = reader.flag("addend", false);
  return std::make_shared<BatchNorm>(options);
}

Attributes BatchNorm::attributes() const {
  return {{"stats", std::string(options_.global ? "global" : "shard")},
          {"momentum", options_.momentum},
          {"epsilon", options_.epsilon},
          {"activation", std::string(options_.relu ? "relu" : "none")},
          {"addend", int64_t{options_.addend}}};
}

Shape BatchNorm::infer(std::span<const Shape> inputs) const {
  require_inputs("batch_norm", inputs, options_.addend ? 2 : 1);
  if (options_.addend) require_same("batch_norm", inputs);
  if (inputs[0].rank() != 1 && inputs[0].rank() != 3)
    throw ShapeError(
        fmt::format("batch_norm: needs an image CxHxW or features F, got {}", inputs[0].str()),
        "layer_norm works on rows TxC");
  return inputs[0];
}

std::vector<SlotSpec> BatchNorm::params(std::span<const InputInfo> inputs) const {
  const int64_t channels = matrix_of(inputs[0].shape).cols;
  return {{"weight", {channels}, {channels}, {}, {Init::ones, 0, 0}, 0, 0, false},
          {"bias", {channels}, {channels}, {}, {Init::zeros, 0, 0}, 0, 0, false}};
}

std::vector<SlotSpec> BatchNorm::state(std::span<const InputInfo> inputs) const {
  const int64_t channels = matrix_of(inputs[0].shape).cols;
  return {{"running_mean", {channels}, {channels}, {}, {Init::zeros, 0, 0}, 0, 0, false},
          {"running_var", {channels}, {channels}, {}, {Init::ones, 0, 0}, 0, 0, false}};
}

std::unique_ptr<Lowered> BatchNorm::lower(LowerContext& context) const {
  const BatchNormSettings settings{options_.global, options_.momentum, options_.epsilon,
                                   options_.relu ? Activation::relu : Activation::none,
                                   options_.addend};
  if (context.mode() == Mode::inference) return lower_batch_norm_inference(context, settings);
  return lower_batch_norm_training(context, settings);
}

Cost BatchNorm::cost(std::span<const Shape> inputs) const {
  return {8.0 * static_cast<double>(inputs[0].elements()), traffic(inputs, inputs[0])};
}

std::shared_ptr<const Op> BatchNorm::with_activation(Activation activation, float) const {
  if (options_.relu || activation != Activation::relu) return nullptr;
  Options fused = options_;
  fused.relu = true;
  return std::make_shared<BatchNorm>(fused);
}

std::shared_ptr<const Op> BatchNorm::with_addend() const {
  if (options_.relu || options_.addend) return nullptr;
  Options fused = options_;
  fused.addend = true;
  return std::make_shared<BatchNorm>(fused);
}

}  // namespace trireme
