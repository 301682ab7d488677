#include "model/ops/flatten.h"

#include "model/ops/rules.h"

namespace trireme {

Shape Flatten::infer(std::span<const Shape> inputs) const {
  require_inputs("flatten", inputs, 1);
  return {inputs[0].elements()};
}

}  // namespace trireme
