#include "model/ops/conv2d.h"

#include <fmt/format.h>

#include "base/error.h"
#include "model/ops/lowered_conv2d.h"

namespace trireme {
namespace {

Pair read_padding(AttributeReader& reader, const Windows& windows) {
  if (!reader.is_text("padding", "same")) return reader.pair("padding", Pair{0, 0}, 0);
  Pair padding{};
  for (size_t axis = 0; axis < 2; ++axis) {
    const int64_t reach = windows.dilation[axis] * (windows.kernel[axis] - 1);
    if (reach % 2 != 0)
      throw ConfigError(fmt::format("conv2d: padding is same, but kernel {} cannot be centred",
                                    to_text(windows.kernel)),
                        "choose an odd kernel or give padding as a number");
    padding[axis] = reach / 2;
  }
  return padding;
}

}  // namespace

std::shared_ptr<const Op> Conv2d::make(AttributeReader& reader) {
  Options options;
  options.filters = reader.integer("filters", std::nullopt, 1);
  options.windows.kernel = reader.pair("kernel", std::nullopt, 1);
  options.windows.stride = reader.pair("stride", Pair{1, 1}, 1);
  options.windows.dilation = reader.pair("dilation", Pair{1, 1}, 1);
  options.windows.padding = read_padding(reader, options.windows);
  options.groups = reader.integer("groups", 1, 1);
  options.bias = reader.flag("bias", true);
  options.init = read_weight_init(reader);
  options.activation = read_fused_activation(reader);
  return std::make_shared<Conv2d>(std::move(options));
}

Attributes Conv2d::attributes() const {
  Attributes attributes{{"filters", options_.filters},
                        {"kernel", to_attribute(options_.windows.kernel)},
                        {"stride", to_attribute(options_.windows.stride)},
                        {"padding", to_attribute(options_.windows.padding)},
                        {"dilation", to_attribute(options_.windows.dilation)},
                        {"groups", options_.groups},
                        {"bias", int64_t{options_.bias}},
                        {"init", options_.init.weight},
                        {"bias_init", options_.init.bias}};
  append(attributes, options_.activation);
  return attributes;
}

Shape Conv2d::infer(std::span<const Shape> inputs) const {
  require_inputs("conv2d", inputs, 1);
  require_image("conv2d", inputs[0]);
  for (const auto& [what, count] :
       {std::pair{"input channels", inputs[0][0]}, std::pair{"filters", options_.filters}})
    if (count % options_.groups != 0)
      throw ShapeError(
          fmt::format("conv2d: {} {} are no multiple of groups {}", count, what, options_.groups),
          "groups must divide the input's channels and filters");
  const Pair out = slide("conv2d", "kernel", options_.windows, inputs[0]);
  return {options_.filters, out[0], out[1]};
}

std::vector<SlotSpec> Conv2d::params(std::span<const InputInfo> inputs) const {
  const auto [kernel_h, kernel_w] = options_.windows.kernel;
  const int64_t channels = inputs[0].shape[0] / options_.groups;
  const int64_t fan_in = channels * kernel_h * kernel_w;
  const int64_t fan_out = options_.filters * kernel_h * kernel_w;
  const Shape logical{options_.filters, channels, kernel_h, kernel_w};
  std::vector<SlotSpec> specs{{"weight",
                               logical,
                               logical,
                               {0, 2, 3, 1},
                               weight_initializer(options_.init.weight),
                               fan_in,
                               fan_out,
                               true}};
  if (options_.bias)
    specs.push_back({"bias",
                     {options_.filters},
                     {options_.filters},
                     {},
                     bias_initializer(options_.init.bias, fan_in),
                     fan_in,
                     fan_out,
                     false});
  return specs;
}

std::unique_ptr<Lowered> Conv2d::lower(LowerContext& context) const {
  const Shape image = context.input_shape(0);
  const Windows& w = options_.windows;
  return std::make_unique<LoweredConv2d>(
      context, Conv2dSpec{.n = context.samples(),
                          .h = image[1],
                          .w = image[2],
                          .c_in = image[0],
                          .c_out = options_.filters,
                          .kernel_h = w.kernel[0],
                          .kernel_w = w.kernel[1],
                          .stride_h = w.stride[0],
                          .stride_w = w.stride[1],
                          .pad_h = w.padding[0],
                          .pad_w = w.padding[1],
                          .dilation_h = w.dilation[0],
                          .dilation_w = w.dilation[1],
                          .groups = options_.groups,
                          .bias = options_.bias,
                          .activation = options_.activation.kind,
                          .alpha = static_cast<float>(options_.activation.alpha)});
}

Cost Conv2d::cost(std::span<const Shape> inputs) const {
  const Shape out = infer(inputs);
  const int64_t per_output =
      inputs[0][0] / options_.groups * options_.windows.kernel[0] * options_.windows.kernel[1];
  return {2.0 * static_cast<double>(out.elements()) * static_cast<double>(per_output),
          traffic(inputs, out)};
}

std::shared_ptr<const Op> Conv2d::with_activation(Activation activation, float alpha) const {
  if (options_.activation.any() || !is_epilogue(activation)) return nullptr;
  Options fused = options_;
  fused.activation = {activation, alpha};
  return std::make_shared<Conv2d>(std::move(fused));
}

}  // namespace trireme
