#include <fmt/format.h>

#include <array>

#include "base/error.h"
#include "base/text.h"
#include "model/build.h"
#include "model/ops/activation.h"
#include "model/ops/add.h"
#include "model/ops/attribute_reader.h"
#include "model/ops/batch_norm.h"
#include "model/ops/concat.h"
#include "model/ops/conv2d.h"
#include "model/ops/cross.h"
#include "model/ops/dense.h"
#include "model/ops/dot_interaction.h"
#include "model/ops/dropout.h"
#include "model/ops/embedding_bag.h"
#include "model/ops/factorization_machine.h"
#include "model/ops/flatten.h"
#include "model/ops/layer_norm.h"
#include "model/ops/losses/hinge.h"
#include "model/ops/losses/regression.h"
#include "model/ops/losses/sigmoid_cross_entropy.h"
#include "model/ops/losses/softmax_cross_entropy.h"
#include "model/ops/pool2d.h"
#include "model/ops/reshape.h"
#include "model/ops/slice.h"
#include "model/ops/softmax.h"
#include "model/ops/to_logical.h"

namespace trireme {
namespace {

struct Maker {
  std::string_view kind;
  std::shared_ptr<const Op> (*make)(AttributeReader&);
};

constexpr std::array kMakers{
    Maker{"dense", Dense::make},
    Maker{"conv2d", Conv2d::make},
    Maker{"max_pool2d", MaxPool2d::make},
    Maker{"avg_pool2d", AvgPool2d::make},
    Maker{"global_avg_pool", GlobalAvgPool::make},
    Maker{"batch_norm", BatchNorm::make},
    Maker{"layer_norm", LayerNorm::make},
    Maker{"dropout", Dropout::make},
    Maker{"flatten", Flatten::make},
    Maker{"reshape", Reshape::make},
    Maker{"to_logical", ToLogical::make},
    Maker{"add", Add::make},
    Maker{"concat", Concat::make},
    Maker{"slice", Slice::make},
    Maker{"embedding_bag", EmbeddingBag::make},
    Maker{"dot_interaction", DotInteraction::make},
    Maker{"cross", Cross::make},
    Maker{"factorization_machine", FactorizationMachine::make},
    Maker{"relu", ActivationOp::make},
    Maker{"leaky_relu", ActivationOp::make},
    Maker{"gelu", ActivationOp::make},
    Maker{"silu", ActivationOp::make},
    Maker{"sigmoid", ActivationOp::make},
    Maker{"tanh", ActivationOp::make},
    Maker{"softmax", Softmax::make},
    Maker{"softmax_cross_entropy", SoftmaxCrossEntropy::make},
    Maker{"sigmoid_cross_entropy", SigmoidCrossEntropy::make},
    Maker{"mse", RegressionLoss::make},
    Maker{"mae", RegressionLoss::make},
    Maker{"huber", RegressionLoss::make},
    Maker{"hinge", Hinge::make},
};

}  // namespace

std::shared_ptr<const Op> make_op(std::string_view kind, const Attributes& attributes) {
  for (const Maker& maker : kMakers) {
    if (maker.kind != kind) continue;
    AttributeReader reader(kind, attributes);
    std::shared_ptr<const Op> op = maker.make(reader);
    reader.finish();
    return op;
  }
  const auto near = nearest(kind, op_kinds());
  throw ConfigError(fmt::format("unknown op {}", kind),
                    near ? fmt::format("did you mean {}?", *near) : std::string());
}

std::vector<std::string> op_kinds() {
  std::vector<std::string> kinds;
  for (const Maker& maker : kMakers) kinds.emplace_back(maker.kind);
  return kinds;
}

}  // namespace trireme
