#include "model/ops/embedding_bag.h"

#include <fmt/format.h>

#include <cmath>

#include "base/error.h"
#include "model/ops/rules.h"

namespace trireme {
namespace {

class LoweredEmbeddingBag final : public Lowered {
 public:
  LoweredEmbeddingBag(LowerContext& context, int64_t dim, bool mean)
      : k_(context.kernels()),
        table_(context.table()),
        spec_{context.samples() * context.input_shape(0)[0], context.input_shape(0)[1], dim, mean},
        y_(context.output()),
        counts_(mean ? context.saved(static_cast<size_t>(spec_.bags) * sizeof(int32_t)) : Ref{}),
        dy_(context.output_grad()) {}

  Status forward(const Frame& f) const noexcept override {
    return k_.embedding_bag_forward(f.stream, &spec_, &f.tables[table_], f.at(y_),
                                    f.at<int32_t>(counts_));
  }
  Status backward(const Frame& f) const noexcept override {
    if (!dy_) return Status::ok;
    return k_.embedding_bag_backward(f.stream, &spec_, &f.tables[table_], f.at(dy_),
                                     f.at<int32_t>(counts_));
  }

 private:
  const KernelTable& k_;
  int table_;
  EmbeddingBagSpec spec_;
  Ref y_, counts_, dy_;
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
