#pragma once
// The convolutions that the shipped experiments need from a device, and a few of every other kind.

#include <string>
#include <vector>

#include "kernels/kernel_table.h"

namespace trireme {

struct Convolution {
  Conv2dSpec spec;
  ConvPass pass;
};

// Distinct ones of all files of configs/, sorted by describe(): one rank with the whole batch as
// one leaf, as on a GPU; training and evaluation. Also groups, dilation and activations that none
// of the files uses.
std::vector<Convolution> convolutions_of_configs();

// One line that tells any two apart: "forward 64x28x28x1, 32 filters 3x3, ...".
std::string describe(const Convolution&);

}  // namespace trireme
