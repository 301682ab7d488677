#pragma once
// From the logical order of values (C,H,W) to the memory order (H,W,C).

#include <cstdint>
#include <vector>

#include "data/raw_data.h"

namespace trireme {

// Reorders every sample of `values` from C,H,W to H,W,C.
template <class T>
void channels_last(std::vector<T>& values, const Shape& chw);

// Applies data.channels, data.height and data.width. A table whose column count is their product
// becomes images (columns are in C,H,W order). Throws DataError when images have another size than
// declared.
void apply_declared_shape(RawData& raw, const DataConfig& config);

}  // namespace trireme
