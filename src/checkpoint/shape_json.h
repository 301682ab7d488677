#pragma once
// Shapes in JSON headers: nothing in them is believed before it was checked.

#include "checkpoint/strict_json.h"
#include "tensor/dtype.h"
#include "tensor/shape.h"

namespace trireme {

// The array of extents in field `key`. FormatError: more than Shape::kMaxRank axes, an extent that
// is not an integer >= 0.
Shape shape_of(const JsonFields& fields, const char* key);

// Bytes of a tensor. FormatError, naming `key`, when the product of the extents (zeros taken as
// one) passes 2^62 bytes.
uint64_t checked_bytes(const JsonFields& fields, const char* key, const Shape& shape, DType dtype);

}  // namespace trireme
