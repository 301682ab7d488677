#include "model/ops/dense.h"

#include "model/ops/lowered_dense.h"
#include "model/ops/rules.h"

namespace trireme {

std::shared_ptr<const Op> Dense::make(AttributeReader& reader) {
  Options options;
  options.units = reader.integer("units", std::nullopt, 1);
  options.bias = reader.flag("bias", true);
  options.init = read_weight_init(reader);
  options.activation = read_fused_activation(reader);
  return std::make_shared<Dense>(std::move(options));
}

Attributes Dense::attributes() const {
  Attributes attributes{{"units", options_.units},
                        {"bias", int64_t{options_.bias}},
                        {"init", options_.init.weight},
                        {"bias_init", options_.init.bias}};
  append(attributes, options_.activation);
  return attributes;
}

Shape Dense::infer(std::span<const Shape> inputs) const {
  require_inputs("dense", inputs, 1);
  require_rows("dense", inputs[0]);
  if (inputs[0].rank() == 1) return {options_.units};
  return {inputs[0][0], options_.units};
}

std::vector<SlotSpec> Dense::params(std::span<const InputInfo> inputs) const {
  const int64_t in = matrix_of(inputs[0].shape).cols;
  SlotSpec weight{"weight",
                  {options_.units, in},
                  {options_.units, in},
                  {},
                  weight_initializer(options_.init.weight),
                  in,
                  options_.units,
                  true};
  if (const auto& image = inputs[0].channels_last) {
    weight.view = {options_.units, (*image)[0], (*image)[1], (*image)[2]};
    weight.permutation = {0, 2, 3, 1};
  }
  std::vector<SlotSpec> specs{std::move(weight)};
  if (options_.bias)
    specs.push_back({"bias",
                     {options_.units},
                     {options_.units},
                     {},
                     bias_initializer(options_.init.bias, in),
                     in,
                     options_.units,
                     false});
  return specs;
}

std::unique_ptr<Lowered> Dense::lower(LowerContext& context) const {
  return std::make_unique<LoweredDense>(context, options_.bias, options_.activation);
}

Cost Dense::cost(std::span<const Shape> inputs) const {
  const Shape out = infer(inputs);
  return {2.0 * static_cast<double>(inputs[0].elements()) * static_cast<double>(options_.units),
          traffic(inputs, out)};
}

std::shared_ptr<const Op> Dense::with_activation(Activation activation, float alpha) const {
  if (options_.activation.any() || !is_epilogue(activation)) return nullptr;
  Options fused = options_;
  fused.activation = {activation, alpha};
  return std::make_shared<Dense>(std::move(fused));
}

}  // namespace trireme
