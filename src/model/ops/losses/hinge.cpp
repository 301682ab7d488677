#include "model/ops/losses/hinge.h"

#include <fmt/format.h>

#include "base/error.h"

namespace trireme {
namespace {

class LoweredHinge final : public LoweredLoss {
 public:
  LoweredHinge(LowerContext& context, double margin, bool squared)
      : LoweredLoss(context), margin_(static_cast<float>(margin)), squared_(squared) {}

 private:
  Status compute(const Frame& f, LossSums* sums, float* gradient) const noexcept override {
    return k_.hinge(f.stream, rows_, cols_, squared_, margin_, predictions(f),
                    f.at<int64_t>(target_), sample_weight(f), sums, gradient, write_, loss_scale(f),
                    scratch(f));
  }
  float margin_;
  bool squared_;
};

}  // namespace

std::shared_ptr<const Op> Hinge::make(AttributeReader& reader) {
  const double margin = reader.number("margin", 1.0);
  if (!(margin >= 0))
    throw ConfigError(fmt::format("hinge: margin is {}, expected 0 or more", margin));
  return std::make_shared<Hinge>(margin, reader.flag("squared", false));
}

Attributes Hinge::attributes() const {
  return {{"margin", margin_}, {"squared", int64_t{squared_}}};
}

std::unique_ptr<Lowered> Hinge::lower(LowerContext& context) const {
  return std::make_unique<LoweredHinge>(context, margin_, squared_);
}

}  // namespace trireme
