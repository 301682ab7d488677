#pragma once
// Reads .npy (NumPy enhancement proposal 1): versions 1 to 3, little-endian, C order.

#include <cstdint>
#include <string>
#include <vector>

#include "base/file.h"
#include "tensor/dtype.h"
#include "tensor/shape.h"

namespace trireme {

struct NpyFile {
  std::string name;  // the path, for messages
  Shape shape;
  DType dtype = DType::f32;  // f32, f64, u8, i32 or i64
  std::string content;
  size_t offset = 0;  // of the values

  // Value i. integer() throws DataError for a file of floats.
  double number(int64_t i) const;
  int64_t integer(int64_t i) const;
  // All values. Throws DataError naming the first sample that holds one which is not finite.
  std::vector<float> floats(int64_t per_sample) const;
};

// Throws DataError naming the file: bad magic, version, header, dtype, Fortran order, size.
NpyFile read_npy_file(const Path& path);

}  // namespace trireme
