#include "model/ops/dot_interaction.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "model/ops/rules.h"

namespace trireme {
namespace {

// Of one sample: vector i is row i of x, or z and then the rows.
template <class T>
struct Vectors {
  T *z, *x;  // z null: no such input
  int64_t dim;
  T* operator[](int64_t i) const {
    if (!z) return x + i * dim;
    return i == 0 ? z : x + (i - 1) * dim;
  }
};

class LoweredDotInteraction final : public Lowered {
 public:
  LoweredDotInteraction(LowerContext& context, bool two)
      : two_(two),
        samples_(context.samples()),
        rows_(context.input_shape(two)[0]),
        dim_(context.input_shape(two)[1]),
        width_(context.output_shape()[0]),
        z_(two ? context.saved_input(0) : Ref{}),
        x_(context.saved_input(two)),
        y_(context.output()),
        dy_(context.output_grad()),
        dz_(two && dy_ ? context.input_grad(0) : Ref{}),
        dx_(dy_ ? context.input_grad(two) : Ref{}),
        dz_write_(dz_ ? context.input_grad_write(0) : Write::set),
        dx_write_(dx_ ? context.input_grad_write(two) : Write::set) {}

  Status forward(const Frame& f) const noexcept override {
    for (int64_t s = 0; s < samples_; ++s) {
      const auto v = vectors<const float>(f, z_, x_, s);
      float* y = f.at(y_) + s * width_;
      y = std::copy_n(v[0], dim_, y);
      for (int64_t i = 1; i < count(); ++i)
        for (int64_t j = 0; j < i; ++j) {
          float dot = 0;
          for (int64_t e = 0; e < dim_; ++e) dot += v[i][e] * v[j][e];
          *y++ = dot;
        }
    }
    return Status::ok;
  }

  // dv_i += d(i,j) v_j,  dv_j += d(i,j) v_i,  dv_0 += the copy's gradient.
  Status backward(const Frame& f) const noexcept override {
    if (dz_ && dz_write_ == Write::set) std::fill_n(f.at(dz_), samples_ * dim_, 0.0f);
    if (dx_ && dx_write_ == Write::set) std::fill_n(f.at(dx_), samples_ * rows_ * dim_, 0.0f);
    for (int64_t s = 0; s < samples_; ++s) {
      const auto v = vectors<const float>(f, z_, x_, s);
      const auto dv = vectors<float>(f, dz_, dx_, s);
      const float* dy = f.at(dy_) + s * width_;
      if (wanted(0))
        for (int64_t e = 0; e < dim_; ++e) dv[0][e] += dy[e];
      dy += dim_;
      for (int64_t i = 1; i < count(); ++i)
        for (int64_t j = 0; j < i; ++j, ++dy) {
          if (wanted(i))
            for (int64_t e = 0; e < dim_; ++e) dv[i][e] += *dy * v[j][e];
          if (wanted(j))
            for (int64_t e = 0; e < dim_; ++e) dv[j][e] += *dy * v[i][e];
        }
    }
    return Status::ok;
  }

 private:
  int64_t count() const { return rows_ + two_; }
  bool wanted(int64_t i) const { return two_ && i == 0 ? bool(dz_) : bool(dx_); }
  template <class T>
  Vectors<T> vectors(const Frame& f, Ref z, Ref x, int64_t sample) const {
    // A missing gradient keeps its place: vector 0 is z's whether or not it is wanted.
    T* first = two_ ? (z ? f.at(z) + sample * dim_ : f.at(x_)) : nullptr;
    return {first, x ? f.at(x) + sample * rows_ * dim_ : nullptr, dim_};
  }

  bool two_;
  int64_t samples_, rows_, dim_, width_;
  Ref z_, x_, y_, dy_, dz_, dx_;
  Write dz_write_, dx_write_;
};

}  // namespace

std::shared_ptr<const Op> DotInteraction::make(AttributeReader& reader) {
  const int64_t inputs = reader.integer("inputs", 1, 1);
  if (inputs > 2)
    throw ConfigError(fmt::format("dot_interaction: takes one input or two, not {}", inputs));
  return std::make_shared<DotInteraction>(inputs);
}

Shape DotInteraction::infer(std::span<const Shape> inputs) const {
  require_inputs("dot_interaction", inputs, static_cast<size_t>(inputs_));
  const Shape& x = inputs.back();
  if (x.rank() != 2)
    throw ShapeError(fmt::format("dot_interaction: needs vectors [n, dim], got {}", x.str()));
  if (inputs.size() == 2 && inputs[0] != Shape{x[1]})
    throw ShapeError(fmt::format("dot_interaction: the first input is {}, the vectors have {}",
                                 inputs[0].str(), x[1]),
                     "give the layer before it as many units as the table's dim");
  const int64_t k = x[0] + static_cast<int64_t>(inputs.size()) - 1;
  return {x[1] + k * (k - 1) / 2};
}

std::unique_ptr<Lowered> DotInteraction::lower(LowerContext& context) const {
  return std::make_unique<LoweredDotInteraction>(context, inputs_ == 2);
}

Cost DotInteraction::cost(std::span<const Shape> inputs) const {
  const Shape y = infer(inputs);
  const auto dim = inputs.back()[1];
  return {2.0 * static_cast<double>((y[0] - dim) * dim), traffic(inputs, y)};
}

}  // namespace trireme
