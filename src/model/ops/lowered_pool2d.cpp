#include "model/ops/lowered_pool2d.h"

namespace trireme {
namespace {

class LoweredMaxPool final : public Lowered {
 public:
  LoweredMaxPool(LowerContext& context, const Pool2dSpec& spec)
      : k_(context.kernels()),
        spec_(spec),
        x_(context.input(0)),
        y_(context.output()),
        dy_(context.output_grad()),
        dx_(dy_ ? context.input_grad(0) : Ref{}),
        write_(dx_ ? context.input_grad_write(0) : Write::set) {
    const auto bytes = static_cast<size_t>(spec.n * spec.out_h * spec.out_w * spec.c);
    index_ = dx_ ? context.saved(bytes) : context.scratch(bytes);
  }
  Status forward(const Frame& f) const noexcept override {
    return k_.max_pool_forward(f.stream, &spec_, f.at(x_), f.at(y_), f.at<uint8_t>(index_));
  }
  Status backward(const Frame& f) const noexcept override {
    if (!dx_) return Status::ok;
    return k_.max_pool_backward(f.stream, &spec_, f.at(dy_), f.at<uint8_t>(index_), f.at(dx_),
                                write_);
  }

 private:
  const KernelTable& k_;
  Pool2dSpec spec_;
  Ref x_, y_, dy_, dx_, index_;
  Write write_;
};

class LoweredAveragePool final : public Lowered {
 public:
  LoweredAveragePool(LowerContext& context, const Pool2dSpec& spec)
      : k_(context.kernels()),
        spec_(spec),
        x_(context.input(0)),
        y_(context.output()),
        dy_(context.output_grad()),
        dx_(dy_ ? context.input_grad(0) : Ref{}),
        write_(dx_ ? context.input_grad_write(0) : Write::set) {}
  Status forward(const Frame& f) const noexcept override {
    return k_.average_pool_forward(f.stream, &spec_, f.at(x_), f.at(y_));
  }
  Status backward(const Frame& f) const noexcept override {
    if (!dx_) return Status::ok;
    return k_.average_pool_backward(f.stream, &spec_, f.at(dy_), f.at(dx_), write_);
  }

 private:
  const KernelTable& k_;
  Pool2dSpec spec_;
  Ref x_, y_, dy_, dx_;
  Write write_;
};

}  // namespace

std::unique_ptr<Lowered> lower_max_pool(LowerContext& context, const Pool2dSpec& spec) {
  return std::make_unique<LoweredMaxPool>(context, spec);
}

std::unique_ptr<Lowered> lower_average_pool(LowerContext& context, const Pool2dSpec& spec) {
  return std::make_unique<LoweredAveragePool>(context, spec);
}

}  // namespace trireme
