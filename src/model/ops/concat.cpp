#include "model/ops/concat.h"

#include <fmt/format.h>

#include "base/error.h"
#include "model/ops/rules.h"

namespace trireme {
namespace {

class LoweredConcat final : public Lowered {
 public:
  explicit LoweredConcat(LowerContext& context)
      : k_(context.kernels()),
        rows_(context.samples() * matrix_of(context.output_shape()).rows),
        cols_(matrix_of(context.output_shape()).cols),
        y_(context.output()),
        dy_(context.output_grad()) {
    int64_t first = 0;
    for (int i = 0; first < cols_; ++i) {
      const int64_t cols = matrix_of(context.input_shape(i)).cols;
      const Ref dx = dy_ ? context.input_grad(i) : Ref{};
      parts_.push_back(
          {first, cols, context.input(i), dx, dx ? context.input_grad_write(i) : Write::set});
      first += cols;
    }
  }

  Status forward(const Frame& f) const noexcept override {
    Status s = Status::ok;
    for (const Part& p : parts_)
      if (s == Status::ok)
        s = k_.copy_columns(f.stream, rows_, p.cols, f.at(p.x), p.cols, f.at(y_) + p.first, cols_,
                            Write::set);
    return s;
  }
  Status backward(const Frame& f) const noexcept override {
    Status s = Status::ok;
    for (const Part& p : parts_)
      if (s == Status::ok && p.dx)
        s = k_.copy_columns(f.stream, rows_, p.cols, f.at(dy_) + p.first, cols_, f.at(p.dx), p.cols,
                            p.write);
    return s;
  }

 private:
  struct Part {
    int64_t first, cols;  // columns of y
    Ref x, dx;
    Write write;
  };
  const KernelTable& k_;
  int64_t rows_, cols_;
  Ref y_, dy_;
  std::vector<Part> parts_;
};

int joined_axis(const Shape& shape) { return shape.rank() == 3 ? 0 : shape.rank() - 1; }

}  // namespace

Shape Concat::infer(std::span<const Shape> inputs) const {
  if (inputs.size() < 2)
    throw ShapeError(fmt::format("concat: takes two inputs or more, got {}", inputs.size()),
                     "name the inputs with from=A,B");
  std::vector<int64_t> dims(inputs[0].dims().begin(), inputs[0].dims().end());
  const int axis = joined_axis(inputs[0]);
  for (const Shape& other : inputs.subspan(1)) {
    bool fits = other.rank() == inputs[0].rank() && other.rank() >= 1 && other.rank() <= 3;
    for (int a = 0; fits && a < other.rank(); ++a) fits = a == axis || other[a] == inputs[0][a];
    if (!fits)
      throw ShapeError(fmt::format("concat: {} and {} differ beside the joined axis {}",
                                   inputs[0].str(), other.str(), axis),
                       "images join along channels, features end to end");
    dims[static_cast<size_t>(axis)] += other[axis];
  }
  return Shape(std::span<const int64_t>(dims));
}

std::unique_ptr<Lowered> Concat::lower(LowerContext& context) const {
  return std::make_unique<LoweredConcat>(context);
}

Cost Concat::cost(std::span<const Shape> inputs) const {
  return {0, traffic(inputs, infer(inputs))};
}

}  // namespace trireme
