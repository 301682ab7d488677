#include "model/ops/factorization_machine.h"

#include <fmt/format.h>

#include "base/error.h"
#include "model/ops/rules.h"

namespace trireme {
namespace {

class LoweredFactorizationMachine final : public Lowered {
 public:
  LoweredFactorizationMachine(LowerContext& context, bool reduce)
      : k_(context.kernels()),
        reduce_(reduce),
        samples_(context.samples()),
        rows_(context.input_shape(0)[0]),
        dim_(context.input_shape(0)[1]),
        x_(context.saved_input(0)),
        y_(context.output()),
        dy_(context.output_grad()),
        dx_(dy_ ? context.input_grad(0) : Ref{}),
        write_(dx_ ? context.input_grad_write(0) : Write::set) {}

  Status forward(const Frame& f) const noexcept override {
    return k_.factorization_machine_forward(f.stream, samples_, rows_, dim_, reduce_, f.at(x_),
                                            f.at(y_));
  }
  Status backward(const Frame& f) const noexcept override {
    if (!dx_) return Status::ok;
    return k_.factorization_machine_backward(f.stream, samples_, rows_, dim_, reduce_, f.at(x_),
                                             f.at(dy_), f.at(dx_), write_);
  }

 private:
  const KernelTable& k_;
  bool reduce_;
  int64_t samples_, rows_, dim_;
  Ref x_, y_, dy_, dx_;
  Write write_;
};

}  // namespace

Shape FactorizationMachine::infer(std::span<const Shape> inputs) const {
  require_inputs("factorization_machine", inputs, 1);
  if (inputs[0].rank() != 2)
    throw ShapeError(
        fmt::format("factorization_machine: needs vectors [n, dim], got {}", inputs[0].str()));
  return reduce_ ? Shape{1} : Shape{inputs[0][1]};
}

std::unique_ptr<Lowered> FactorizationMachine::lower(LowerContext& context) const {
  return std::make_unique<LoweredFactorizationMachine>(context, reduce_);
}

Cost FactorizationMachine::cost(std::span<const Shape> inputs) const {
  return {3.0 * static_cast<double>(inputs[0].elements()), traffic(inputs, infer(inputs))};
}

}  // namespace trireme
