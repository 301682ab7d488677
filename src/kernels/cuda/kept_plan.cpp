#include "kernels/cuda/kept_plan.h"

#include <bit>
#include <cstdint>
#include <sstream>

namespace trireme::cu {

// Three lines, and the plan behind them to the end.
std::string to_text(const KeptPlan& kept) {
  return "fused " + std::to_string(kept.fusion.bias) + ' ' +
         std::to_string(static_cast<int>(kept.fusion.activation)) + "\nengine " + kept.engine +
         "\nworkspace " + std::to_string(kept.workspace) + '\n' + kept.plan;
}

std::optional<KeptPlan> kept_plan(const std::string& text) {
  KeptPlan kept;
  std::istringstream in(text);
  std::string fused, engine, workspace;
  int activation = 0;
  in >> fused >> kept.fusion.bias >> activation >> engine >> kept.engine >> workspace >>
      kept.workspace;
  if (!in || fused != "fused" || engine != "engine" || workspace != "workspace") return {};
  kept.fusion.activation = static_cast<Activation>(activation);
  in.ignore();  // the line's end
  kept.plan = text.substr(static_cast<size_t>(in.tellg()));
  return kept;
}

std::string problem_of(const Conv2dSpec& s, ConvPass pass) {
  std::string text = "conv2d " + std::to_string(static_cast<int>(pass));
  const bool forward = pass == ConvPass::forward;  // the others have no bias and no activation
  const bool slope = forward && s.activation == Activation::leaky_relu;
  for (const int64_t n :
       {s.n, s.h, s.w, s.c_in, s.c_out, s.kernel_h, s.kernel_w, s.stride_h, s.stride_w, s.pad_h,
        s.pad_w, s.dilation_h, s.dilation_w, s.groups, static_cast<int64_t>(forward && s.bias),
        static_cast<int64_t>(forward ? s.activation : Activation::none),
        static_cast<int64_t>(slope ? std::bit_cast<uint32_t>(s.alpha) : 0)})
    text += ' ' + std::to_string(n);
  return text;
}

}  // namespace trireme::cu
