#include "model/ops/reorder.h"

namespace trireme {
namespace {

class LoweredReorder final : public Lowered {
 public:
  LoweredReorder(LowerContext& context, int64_t rows, int64_t cols)
      : k_(context.kernels()),
        n_(context.samples()),
        rows_(rows),
        cols_(cols),
        x_(context.input(0)),
        y_(context.output()),
        dy_(context.output_grad()),
        dx_(dy_ ? context.input_grad(0) : Ref{}),
        write_(dx_ ? context.input_grad_write(0) : Write::set) {}

  Status forward(const Frame& f) const noexcept override {
    return k_.transpose_samples(f.stream, n_, rows_, cols_, f.at(x_), f.at(y_), Write::set);
  }
  Status backward(const Frame& f) const noexcept override {
    if (!dx_) return Status::ok;
    return k_.transpose_samples(f.stream, n_, cols_, rows_, f.at(dy_), f.at(dx_), write_);
  }

 private:
  const KernelTable& k_;
  int64_t n_, rows_, cols_;
  Ref x_, y_, dy_, dx_;
  Write write_;
};

}  // namespace

std::unique_ptr<Lowered> lower_reorder(LowerContext& context, int64_t rows, int64_t cols) {
  return std::make_unique<LoweredReorder>(context, rows, cols);
}

}  // namespace trireme
