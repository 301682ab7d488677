#include "model/ops/add.h"

#include "model/ops/rules.h"

namespace trireme {
namespace {

class LoweredAdd final : public Lowered {
 public:
  LoweredAdd(LowerContext& context, int inputs)
      : k_(context.kernels()),
        elements_(context.samples() * context.output_shape().elements()),
        y_(context.output()),
        dy_(context.output_grad()) {
    for (int i = 0; i < inputs; ++i) {
      x_.push_back(context.input(i));
      const Ref dx = dy_ ? context.input_grad(i) : Ref{};
      if (dx) gradients_.push_back({dx, context.input_grad_write(i)});
    }
  }

  Status forward(const Frame& f) const noexcept override {
    Status s = k_.add(f.stream, elements_, f.at(x_[0]), f.at(x_[1]), f.at(y_));
    for (size_t i = 2; i < x_.size() && s == Status::ok; ++i)
      s = k_.accumulate(f.stream, elements_, f.at(x_[i]), f.at(y_));
    return s;
  }
  Status backward(const Frame& f) const noexcept override {
    Status s = Status::ok;
    for (const auto& [dx, write] : gradients_) {
      const auto send = write == Write::set ? k_.copy : k_.accumulate;
      if (s == Status::ok) s = send(f.stream, elements_, f.at(dy_), f.at(dx));
    }
    return s;
  }

 private:
  const KernelTable& k_;
  int64_t elements_;
  Ref y_, dy_;
  std::vector<Ref> x_;
  std::vector<std::pair<Ref, Write>> gradients_;
};

}  // namespace

std::shared_ptr<const Op> Add::make(AttributeReader& reader) {
  return std::make_shared<Add>(reader.integer("inputs", 2, 2));
}

Shape Add::infer(std::span<const Shape> inputs) const {
  require_inputs("add", inputs, static_cast<size_t>(inputs_));
  require_same("add", inputs);
  return inputs[0];
}

std::unique_ptr<Lowered> Add::lower(LowerContext& context) const {
  return std::make_unique<LoweredAdd>(context, static_cast<int>(inputs_));
}

Cost Add::cost(std::span<const Shape> inputs) const {
  return {static_cast<double>(inputs[0].elements() * (inputs_ - 1)), traffic(inputs, inputs[0])};
}

}  // namespace trireme
