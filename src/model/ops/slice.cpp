#include "model/ops/slice.h"

#include <fmt/format.h>

#include "base/error.h"
#include "model/ops/rules.h"

namespace trireme {
namespace {

class LoweredSlice final : public Lowered {
 public:
  LoweredSlice(LowerContext& context, int64_t begin)
      : k_(context.kernels()),
        rows_(context.samples() * matrix_of(context.output_shape()).rows),
        begin_(begin),
        cols_(matrix_of(context.output_shape()).cols),
        all_(matrix_of(context.input_shape(0)).cols),
        x_(context.input(0)),
        y_(context.output()),
        dy_(context.output_grad()),
        dx_(dy_ ? context.input_grad(0) : Ref{}),
        write_(dx_ ? context.input_grad_write(0) : Write::set) {}

  Status forward(const Frame& f) const noexcept override {
    return k_.copy_columns(f.stream, rows_, cols_, f.at(x_) + begin_, all_, f.at(y_), cols_,
                           Write::set);
  }
  // dx[begin .. begin + count) (+)= dy; the rest of dx is 0, or what other readers of x gave.
  Status backward(const Frame& f) const noexcept override {
    if (!dx_) return Status::ok;
    if (write_ == Write::set) {
      const Status s = k_.fill(f.stream, rows_ * all_, 0.0f, f.at(dx_));
      if (s != Status::ok) return s;
    }
    return k_.copy_columns(f.stream, rows_, cols_, f.at(dy_), cols_, f.at(dx_) + begin_, all_,
                           write_);
  }

 private:
  const KernelTable& k_;
  int64_t rows_, begin_, cols_, all_;  // columns of y, of x
  Ref x_, y_, dy_, dx_;
  Write write_;
};

int sliced_axis(const Shape& shape) { return shape.rank() == 3 ? 0 : shape.rank() - 1; }

}  // namespace

std::shared_ptr<const Op> Slice::make(AttributeReader& reader) {
  const int64_t begin = reader.integer("begin", std::nullopt, 0);
  return std::make_shared<Slice>(begin, reader.integer("count", std::nullopt, 1));
}

Shape Slice::infer(std::span<const Shape> inputs) const {
  require_inputs("slice", inputs, 1);
  if (inputs[0].rank() < 1 || inputs[0].rank() > 3)
    throw ShapeError(
        fmt::format("slice: needs features, rows or an image, got {}", inputs[0].str()));
  std::vector<int64_t> dims(inputs[0].dims().begin(), inputs[0].dims().end());
  int64_t& extent = dims[static_cast<size_t>(sliced_axis(inputs[0]))];
  if (begin_ > extent || count_ > extent - begin_)
    throw ShapeError(fmt::format("slice: {} values from {} on do not fit into {} of the input {}",
                                 count_, begin_, extent, inputs[0].str()),
                     "begin + count is at most the number of channels or features");
  extent = count_;
  return Shape(std::span<const int64_t>(dims));
}

std::unique_ptr<Lowered> Slice::lower(LowerContext& context) const {
  return std::make_unique<LoweredSlice>(context, begin_);
}

Cost Slice::cost(std::span<const Shape> inputs) const {
  return {0, 2.0 * static_cast<double>(infer(inputs).elements()) * sizeof(float)};
}

}  // namespace trireme
