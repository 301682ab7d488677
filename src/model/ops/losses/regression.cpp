#include "model/ops/losses/regression.h"

#include <fmt/format.h>

#include "base/error.h"

namespace trireme {
namespace {

class LoweredRegression final : public LoweredLoss {
 public:
  LoweredRegression(LowerContext& context, Regression regression, double delta)
      : LoweredLoss(context), regression_(regression), delta_(static_cast<float>(delta)) {}

 private:
  Status compute(const Frame& f, LossSums* sums, float* gradient) const noexcept override {
    return k_.regression(f.stream, regression_, delta_, rows_, cols_, predictions(f), f.at(target_),
                         sample_weight(f), sums, gradient, write_, loss_scale(f), scratch(f));
  }
  Regression regression_;
  float delta_;
};

}  // namespace

std::shared_ptr<const Op> RegressionLoss::make(AttributeReader& reader) {
  if (reader.kind() == "mse") return std::make_shared<RegressionLoss>(Regression::mse);
  if (reader.kind() == "mae") return std::make_shared<RegressionLoss>(Regression::mae);
  const double delta = reader.number("delta", 1.0);
  if (!(delta > 0))
    throw ConfigError(fmt::format("huber: delta is {}, expected more than 0", delta));
  return std::make_shared<RegressionLoss>(Regression::huber, delta);
}

std::string_view RegressionLoss::kind() const {
  if (regression_ == Regression::mse) return "mse";
  return regression_ == Regression::mae ? "mae" : "huber";
}

Attributes RegressionLoss::attributes() const {
  if (regression_ != Regression::huber) return {};
  return {{"delta", delta_}};
}

std::unique_ptr<Lowered> RegressionLoss::lower(LowerContext& context) const {
  return std::make_unique<LoweredRegression>(context, regression_, delta_);
}

}  // namespace trireme
