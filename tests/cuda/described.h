#pragma once
// What convolutions are planned for where there is no device, and one to plan.

#include <fstream>
#include <iterator>
#include <string>

#include "kernels/cuda/conv_graph.h"

namespace trireme::cu {

// tests/cuda/planning/devices: 80, 90 or 100.
inline ConvTarget described(int capability, Precision precision = Precision::fp32) {
  std::ifstream in(TRIREME_SOURCE_DIR "/tests/cuda/planning/devices/sm_" +
                   std::to_string(capability) + ".json");
  ConvTarget target;
  target.device.assign(std::istreambuf_iterator<char>(in), {});
  target.capability = capability;
  target.precision = precision;
  return target;
}

// 3 x 3 over 28 x 28, with bias and ReLU.
inline Conv2dSpec layer_of(int64_t n, int64_t c_in, int64_t c_out) {
  return {.n = n,
          .h = 28,
          .w = 28,
          .c_in = c_in,
          .c_out = c_out,
          .kernel_h = 3,
          .kernel_w = 3,
          .stride_h = 1,
          .stride_w = 1,
          .pad_h = 1,
          .pad_w = 1,
          .dilation_h = 1,
          .dilation_w = 1,
          .groups = 1,
          .bias = true,
          .activation = Activation::relu,
          .alpha = 0};
}

}  // namespace trireme::cu
