#pragma once
// Initial values by name: zeros, ones, constant:V, normal:STD, uniform:A (in +-A), kaiming_uniform,
// kaiming_normal, xavier_uniform, xavier_normal, truncated_normal:STD; "pytorch" is what torch.nn's
// Linear and Conv2d do: weights kaiming_uniform with slope sqrt(5), biases uniform in
// +-1/sqrt(fan_in).

#include <string>

#include "model/ops/attribute_reader.h"
#include "tensor/param_table.h"

namespace trireme {

struct WeightInit {
  std::string weight = "pytorch", bias = "pytorch";
};

// Reads `init` and `bias_init`. `initializer` (pytorch | keras) sets what they default to; keras:
// xavier_uniform and zeros. Throws ConfigError on a name or value that is none of the above.
WeightInit read_weight_init(AttributeReader& reader);

// `init` names the values of a weight of these fans, or of the bias that belongs to it.
Initializer weight_initializer(const std::string& init);
Initializer bias_initializer(const std::string& init, int64_t fan_in);

}  // namespace trireme
