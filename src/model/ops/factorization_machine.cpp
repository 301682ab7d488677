#include "model/ops/factorization_machine.h"

#include <fmt/format.h>

#include "base/error.h"
#include "model/ops/rules.h"

namespace trireme {
namespace {

class LoweredFactorizationMachine final : public Lowered {
 public:
  LoweredFactorizationMachine(LowerContext& context, bool reduce)
      : reduce_(reduce),
        samples_(context.samples()),
        rows_(context.input_shape(0)[0]),
        dim_(context.input_shape(0)[1]),
        x_(context.saved_input(0)),
        y_(context.output()),
        dy_(context.output_grad()),
        dx_(dy_ ? context.input_grad(0) : Ref{}),
        write_(dx_ ? context.input_grad_write(0) : Write::set) {}

  Status forward(const Frame& f) const noexcept override {
    for (int64_t s = 0; s < samples_; ++s) {
      const float* x = f.at(x_) + s * rows_ * dim_;
      float* y = f.at(y_) + s * width();
      if (reduce_) *y = 0;
      for (int64_t e = 0; e < dim_; ++e) {
        float sum = 0, squares = 0;
        for (int64_t i = 0; i < rows_; ++i) {
          const float v = x[i * dim_ + e];
          sum += v;
          squares += v * v;
        }
        const float pairs = 0.5f * (sum * sum - squares);
        if (reduce_)
          *y += pairs;
        else
          y[e] = pairs;
      }
    }
    return Status::ok;
  }

  // dv_i (+)= dy (sum of v - v_i)
  Status backward(const Frame& f) const noexcept override {
    if (!dx_) return Status::ok;
    for (int64_t s = 0; s < samples_; ++s) {
      const float* x = f.at(x_) + s * rows_ * dim_;
      const float* dy = f.at(dy_) + s * width();
      float* dx = f.at(dx_) + s * rows_ * dim_;
      for (int64_t e = 0; e < dim_; ++e) {
        float sum = 0;
        for (int64_t i = 0; i < rows_; ++i) sum += x[i * dim_ + e];
        for (int64_t i = 0; i < rows_; ++i) {
          const float g = dy[reduce_ ? 0 : e] * (sum - x[i * dim_ + e]);
          float& to = dx[i * dim_ + e];
          to = write_ == Write::set ? g : to + g;
        }
      }
    }
    return Status::ok;
  }

 private:
  int64_t width() const { return reduce_ ? 1 : dim_; }

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
