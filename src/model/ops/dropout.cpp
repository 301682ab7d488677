#include "model/ops/dropout.h"

#include <fmt/format.h>

#include "base/error.h"
#include "base/rng.h"
#include "model/ops/rules.h"

namespace trireme {
namespace {

class LoweredDropout final : public Lowered {
 public:
  LoweredDropout(LowerContext& context, float p)
      : k_(context.kernels()),
        active_(context.mode() == Mode::training),
        spec_{context.samples(), context.output_shape().elements(), p,
              mix(context.seed(), hash_name(context.name()))},
        x_(context.input(0)),
        y_(context.output()),
        dy_(context.output_grad()),
        dx_(dy_ ? context.input_grad(0) : Ref{}),
        write_(dx_ ? context.input_grad_write(0) : Write::set) {}

  Status forward(const Frame& f) const noexcept override {
    if (!active_) return k_.copy(f.stream, spec_.n * spec_.elements, f.at(x_), f.at(y_));
    return k_.dropout_forward(f.stream, &spec_, f.keys, f.at(x_), f.at(y_));
  }
  Status backward(const Frame& f) const noexcept override {
    if (!dx_) return Status::ok;
    return k_.dropout_backward(f.stream, &spec_, f.keys, f.at(dy_), f.at(dx_), write_);
  }

 private:
  const KernelTable& k_;
  bool active_;
  DropoutSpec spec_;
  Ref x_, y_, dy_, dx_;
  Write write_;
};

}  // namespace

std::shared_ptr<const Op> Dropout::make(AttributeReader& reader) {
  const double p = reader.number("p", 0.5);
  if (!(p >= 0 && p < 1))
    throw ConfigError(fmt::format("dropout: p is {}, expected 0 <= p < 1", p),
                      "p is the share of values that are dropped");
  return std::make_shared<Dropout>(p);
}

Shape Dropout::infer(std::span<const Shape> inputs) const {
  require_inputs("dropout", inputs, 1);
  return inputs[0];
}

std::unique_ptr<Lowered> Dropout::lower(LowerContext& context) const {
  return std::make_unique<LoweredDropout>(context, static_cast<float>(p_));
}

Cost Dropout::cost(std::span<const Shape> inputs) const {
  return {static_cast<double>(inputs[0].elements()), traffic(inputs, inputs[0])};
}

}  // namespace trireme
