#pragma once
#include "model/ops/losses/loss.h"

namespace trireme {

// Mean over K of a function of e = prediction - target; target: K floats.
// mse: e^2   mae: |e|   huber: e^2 / 2 where |e| <= delta, else delta (|e| - delta / 2)
class RegressionLoss final : public Loss {
 public:
  explicit RegressionLoss(Regression regression, double delta = 1)
      : regression_(regression), delta_(delta) {}
  static std::shared_ptr<const Op> make(AttributeReader& reader);  // by reader.kind()
  std::string_view kind() const override;
  Attributes attributes() const override;
  std::unique_ptr<Lowered> lower(LowerContext& context) const override;

 private:
  Regression regression_;
  double delta_;
};

}  // namespace trireme
