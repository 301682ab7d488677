#pragma once
#include "model/ops/losses/loss.h"

namespace trireme {

// Target: int64 labels. p = 2 when squared, else 1.
// One output: max(0, margin - t z)^p, t = -1 or +1 for labels 0 and 1. K outputs (Weston and
// Watkins, as torch.nn.MultiMarginLoss): sum over k != label of max(0, margin - z[label] + z[k])^p
// / K.
class Hinge final : public Loss {
 public:
  Hinge(double margin, bool squared) : margin_(margin), squared_(squared) {}
  static std::shared_ptr<const Op> make(AttributeReader& reader);
  std::string_view kind() const override { return "hinge"; }
  Attributes attributes() const override;
  std::unique_ptr<Lowered> lower(LowerContext& context) const override;

 private:
  double margin_;
  bool squared_;
};

}  // namespace trireme
