#pragma once
// How tensors are spread over the files of a checkpoint.

#include <string>
#include <vector>

#include "checkpoint/state.h"

namespace trireme {

// Tensors by name, cut into files of at most max_bytes (a larger tensor has a file of its own); at
// least one file, which may have none.
std::vector<std::vector<TensorMeta>> cut_shards(std::vector<TensorMeta> tensors, size_t max_bytes);

// "STEM-00001-of-00002.safetensors"; index counts from 0.
std::string shard_name(const std::string& stem, size_t index, size_t count);

}  // namespace trireme
