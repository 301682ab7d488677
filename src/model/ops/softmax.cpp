#include "model/ops/softmax.h"

#include "model/ops/rules.h"

namespace trireme {
namespace {

class LoweredSoftmax final : public Lowered {
 public:
  explicit LoweredSoftmax(LowerContext& context)
      : k_(context.kernels()),
        rows_(context.samples() * matrix_of(context.output_shape()).rows),
        cols_(matrix_of(context.output_shape()).cols),
        x_(context.input(0)),
        y_(context.saved_output()),
        dy_(context.output_grad()),
        dx_(dy_ ? context.input_grad(0) : Ref{}),
        write_(dx_ ? context.input_grad_write(0) : Write::set) {}

  Status forward(const Frame& f) const noexcept override {
    return k_.softmax_forward(f.stream, rows_, cols_, f.at(x_), f.at(y_));
  }
  Status backward(const Frame& f) const noexcept override {
    if (!dx_) return Status::ok;
    return k_.softmax_backward(f.stream, rows_, cols_, f.at(y_), f.at(dy_), f.at(dx_), write_);
  }

 private:
  const KernelTable& k_;
  int64_t rows_, cols_;
  Ref x_, y_, dy_, dx_;
  Write write_;
};

}  // namespace

Shape Softmax::infer(std::span<const Shape> inputs) const {
  require_inputs("softmax", inputs, 1);
  return inputs[0];
}

std::unique_ptr<Lowered> Softmax::lower(LowerContext& context) const {
  return std::make_unique<LoweredSoftmax>(context);
}

Cost Softmax::cost(std::span<const Shape> inputs) const {
  return {10.0 * static_cast<double>(inputs[0].elements()), traffic(inputs, inputs[0])};
}

}  // namespace trireme
