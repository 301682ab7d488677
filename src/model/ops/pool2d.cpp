#include "model/ops/pool2d.h"

#include <fmt/format.h>

#include "base/error.h"
#include "model/ops/lowered_pool2d.h"

namespace trireme {
namespace {

constexpr int64_t kMaxWindowArea = 256;  // the kernels remember a window's maximum in one byte

Windows read_windows(AttributeReader& reader) {
  Windows windows;
  windows.kernel = reader.pair("size", std::nullopt, 1);
  windows.stride = reader.pair("stride", windows.kernel, 1);
  windows.padding = reader.pair("padding", Pair{0, 0}, 0);
  for (size_t axis = 0; axis < 2; ++axis)
    if (windows.padding[axis] > windows.kernel[axis] / 2)
      throw ConfigError(fmt::format("{}: padding {} is more than half of size {}", reader.kind(),
                                    to_text(windows.padding), to_text(windows.kernel)),
                        "a window must not lie in the padding alone");
  return windows;
}

Attributes describe(const Windows& windows) {
  return {{"size", to_attribute(windows.kernel)},
          {"stride", to_attribute(windows.stride)},
          {"padding", to_attribute(windows.padding)}};
}

Shape infer_pool(std::string_view kind, const Windows& windows, std::span<const Shape> inputs) {
  require_inputs(kind, inputs, 1);
  require_image(kind, inputs[0]);
  const Pair out = slide(kind, "size", windows, inputs[0]);
  return {inputs[0][0], out[0], out[1]};
}

Cost pool_cost(const Windows& windows, std::span<const Shape> inputs, const Shape& output) {
  return {static_cast<double>(output.elements() * windows.kernel[0] * windows.kernel[1]),
          traffic(inputs, output)};
}

Pool2dSpec spec_of(LowerContext& context, const PoolOptions& options) {
  const Shape in = context.input_shape(0), out = context.output_shape();
  const Windows& w = options.windows;
  const bool flat = out.rank() == 1;
  return {.n = context.samples(),
          .h = in[1],
          .w = in[2],
          .c = in[0],
          .kernel_h = w.kernel[0],
          .kernel_w = w.kernel[1],
          .stride_h = w.stride[0],
          .stride_w = w.stride[1],
          .pad_h = w.padding[0],
          .pad_w = w.padding[1],
          .out_h = flat ? 1 : out[1],
          .out_w = flat ? 1 : out[2],
          .count_include_pad = options.count_include_pad};
}

}  // namespace

std::shared_ptr<const Op> MaxPool2d::make(AttributeReader& reader) {
  const Windows windows = read_windows(reader);
  if (windows.kernel[0] * windows.kernel[1] > kMaxWindowArea)
    throw ConfigError(fmt::format("max_pool2d: size {} has more than {} values",
                                  to_text(windows.kernel), kMaxWindowArea),
                      "pool in two layers");
  return std::make_shared<MaxPool2d>(PoolOptions{windows});
}
Attributes MaxPool2d::attributes() const { return describe(options_.windows); }
Shape MaxPool2d::infer(std::span<const Shape> inputs) const {
  return infer_pool("max_pool2d", options_.windows, inputs);
}
std::unique_ptr<Lowered> MaxPool2d::lower(LowerContext& context) const {
  return lower_max_pool(context, spec_of(context, options_));
}
Cost MaxPool2d::cost(std::span<const Shape> inputs) const {
  return pool_cost(options_.windows, inputs, infer(inputs));
}

std::shared_ptr<const Op> AvgPool2d::make(AttributeReader& reader) {
  const Windows windows = read_windows(reader);
  return std::make_shared<AvgPool2d>(PoolOptions{windows, reader.flag("count_include_pad", true)});
}
Attributes AvgPool2d::attributes() const {
  Attributes attributes = describe(options_.windows);
  attributes.emplace_back("count_include_pad", int64_t{options_.count_include_pad});
  return attributes;
}
Shape AvgPool2d::infer(std::span<const Shape> inputs) const {
  return infer_pool("avg_pool2d", options_.windows, inputs);
}
std::unique_ptr<Lowered> AvgPool2d::lower(LowerContext& context) const {
  return lower_average_pool(context, spec_of(context, options_));
}
Cost AvgPool2d::cost(std::span<const Shape> inputs) const {
  return pool_cost(options_.windows, inputs, infer(inputs));
}

Shape GlobalAvgPool::infer(std::span<const Shape> inputs) const {
  require_inputs("global_avg_pool", inputs, 1);
  require_image("global_avg_pool", inputs[0]);
  return {inputs[0][0]};
}
std::unique_ptr<Lowered> GlobalAvgPool::lower(LowerContext& context) const {
  const Shape in = context.input_shape(0);
  PoolOptions whole;
  whole.windows.kernel = whole.windows.stride = {in[1], in[2]};
  return lower_average_pool(context, spec_of(context, whole));
}
Cost GlobalAvgPool::cost(std::span<const Shape> inputs) const {
  return {static_cast<double>(inputs[0].elements()), traffic(inputs, infer(inputs))};
}

}  // namespace trireme
