#include "model/ops/embedding_bag.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "model/ops/rules.h"

namespace trireme {
namespace {

class LoweredEmbeddingBag final : public Lowered {
 public:
  LoweredEmbeddingBag(LowerContext& context, int64_t dim, bool mean)
      : table_(context.table()),
        bags_(context.samples() * context.input_shape(0)[0]),
        values_(context.input_shape(0)[1]),
        dim_(dim),
        mean_(mean),
        y_(context.output()),
        dy_(context.output_grad()) {}

  Status forward(const Frame& f) const noexcept override {
    const TableLeaf& table = f.tables[table_];
    for (int64_t bag = 0; bag < bags_; ++bag) {
      float* y = f.at(y_) + bag * dim_;
      std::fill_n(y, dim_, 0.0f);
      int64_t count = 0;
      for (int64_t v = 0; v < values_; ++v) {
        const int32_t row = row_of(table, bag * values_ + v);
        if (row < 0) continue;
        const float* x = table.rows + row * dim_;
        for (int64_t e = 0; e < dim_; ++e) y[e] += x[e];
        ++count;
      }
      if (mean_ && count > 1)
        for (int64_t e = 0; e < dim_; ++e) y[e] /= static_cast<float>(count);
    }
    return Status::ok;
  }

  // drow += dy, or dy / count: in the order of samples, features and values. An id without a row
  // has no part in it.
  Status backward(const Frame& f) const noexcept override {
    if (!dy_) return Status::ok;
    const TableLeaf& table = f.tables[table_];
    for (int64_t bag = 0; bag < bags_; ++bag) {
      const float* dy = f.at(dy_) + bag * dim_;
      const int32_t* index = table.index + bag * values_;
      int64_t count = 1;
      if (mean_) {
        count = 0;
        for (int64_t v = 0; v < values_; ++v) count += row_of(table, bag * values_ + v) >= 0;
      }
      for (int64_t v = 0; v < values_; ++v) {
        if (row_of(table, bag * values_ + v) < 0) continue;
        float* drow = table.gradient + index[v] * dim_;
        if (count > 1)
          for (int64_t e = 0; e < dim_; ++e) drow[e] += dy[e] / static_cast<float>(count);
        else
          for (int64_t e = 0; e < dim_; ++e) drow[e] += dy[e];
      }
    }
    return Status::ok;
  }

 private:
  static int32_t row_of(const TableLeaf& table, int64_t position) {
    const int32_t number = table.index[position];
    return number < 0 ? -1 : table.row_of[number];
  }

  int table_;
  int64_t bags_, values_, dim_;
  bool mean_;
  Ref y_, dy_;
};

// "uniform:0.1", "normal:0.01", "zeros"; empty: uniform within 1 / sqrt(dim).
Initializer row_initializer(AttributeReader& reader, int64_t dim) {
  const std::string kind = reader.choice("init", "uniform", {"uniform", "normal", "zeros"});
  const double spread =
      reader.number("scale", kind == "normal" ? 0.01 : 1 / std::sqrt(static_cast<double>(dim)));
  if (kind == "zeros") return {};
  return kind == "normal" ? Initializer{Init::normal, 0, spread}
                          : Initializer{Init::uniform, -spread, spread};
}

}  // namespace

std::shared_ptr<const Op> EmbeddingBag::make(AttributeReader& reader) {
  TableUse use;
  use.spec.name = reader.text("table", std::nullopt);
  use.spec.dim = reader.integer("dim", std::nullopt, 1);
  use.per_feature = reader.flag("per_feature", true);
  use.spec.init = row_initializer(reader, use.spec.dim);
  const bool mean = reader.choice("mode", "sum", {"sum", "mean"}) == "mean";
  return std::make_shared<EmbeddingBag>(std::move(use), mean, reader.flag("flat", false));
}

Attributes EmbeddingBag::attributes() const {
  const Initializer& init = use_.spec.init;
  const char* kind = init.kind == Init::uniform  ? "uniform"
                     : init.kind == Init::normal ? "normal"
                                                 : "zeros";
  return {{"table", use_.spec.name},
          {"dim", use_.spec.dim},
          {"mode", std::string(mean_ ? "mean" : "sum")},
          {"per_feature", int64_t{use_.per_feature}},
          {"flat", int64_t{flat_}},
          {"init", std::string(kind)},
          {"scale", init.b}};
}

Shape EmbeddingBag::infer(std::span<const Shape> inputs) const {
  require_inputs("embedding_bag", inputs, 1);
  if (inputs[0].rank() != 2)
    throw ShapeError(
        fmt::format("embedding_bag: needs ids [features, values], got {}", inputs[0].str()));
  const int64_t features = inputs[0][0];
  return flat_ ? Shape{features * use_.spec.dim} : Shape{features, use_.spec.dim};
}

std::unique_ptr<Lowered> EmbeddingBag::lower(LowerContext& context) const {
  return std::make_unique<LoweredEmbeddingBag>(context, use_.spec.dim, mean_);
}

Cost EmbeddingBag::cost(std::span<const Shape> inputs) const {
  const auto values = static_cast<double>(inputs[0].elements() * use_.spec.dim);
  return {values, 2 * sizeof(float) * values};
}

}  // namespace trireme
