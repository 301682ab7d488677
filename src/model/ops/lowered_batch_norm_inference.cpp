#include "model/ops/lowered_batch_norm.h"
#include "model/ops/rules.h"

namespace trireme {
namespace {

class LoweredBatchNormInference final : public Lowered {
 public:
  LoweredBatchNormInference(LowerContext& context, const BatchNormSettings& settings)
      : k_(context.kernels()),
        settings_(settings),
        rows_(context.samples() * matrix_of(context.output_shape()).rows),
        channels_(matrix_of(context.output_shape()).cols),
        x_(context.input(0)),
        addend_(settings.addend ? context.input(1) : Ref{}),
        y_(context.output()),
        gamma_(context.param(0)),
        beta_(context.param(1)),
        mean_(context.state(0)),
        variance_(context.state(1)),
        rstd_(context.scratch(static_cast<size_t>(channels_) * sizeof(float))) {}

  Status forward(const Frame& f) const noexcept override {
    const Status s =
        k_.batch_norm_rstd(f.stream, channels_, settings_.epsilon, f.at(variance_), f.at(rstd_));
    if (s != Status::ok) return s;
    return k_.batch_norm_forward(f.stream, rows_, channels_, f.at(x_), f.at(mean_), f.at(rstd_),
                                 f.at(gamma_), f.at(beta_), f.at(addend_), settings_.activation,
                                 f.at(y_));
  }

 private:
  const KernelTable& k_;
  BatchNormSettings settings_;
  int64_t rows_, channels_;
  Ref x_, addend_, y_, gamma_, beta_, mean_, variance_, rstd_;
};

}  // namespace

std::unique_ptr<Lowered> lower_batch_norm_inference(LowerContext& context,
                                                    const BatchNormSettings& settings) {
  return std::make_unique<LoweredBatchNormInference>(context, settings);
}

}  // namespace trireme
