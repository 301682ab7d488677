#pragma once
// Shape rules that several ops share. All throw ShapeError, opening with `kind`.

#include <span>
#include <string_view>

#include "model/op.h"
#include "model/ops/attribute_reader.h"

namespace trireme {

void require_inputs(std::string_view kind, std::span<const Shape> inputs, size_t count);
void require_image(std::string_view kind, const Shape& input);  // C,H,W
// Features (F) or rows of features (T,C).
void require_rows(std::string_view kind, const Shape& input);
void require_same(std::string_view kind, std::span<const Shape> inputs);  // at least one, all equal

// In memory a sample is `rows` rows of `cols` values: H*W rows of C for images, else all but the
// last axis by the last.
struct Matrix {
  int64_t rows = 1, cols = 1;
};
Matrix matrix_of(const Shape& sample);

// Windows that slide over one image axis. Output: floor((in + 2 padding - dilation (kernel - 1) -
// 1) / stride) + 1 each. Throws ShapeError when a window does not fit.
struct Windows {
  Pair kernel{1, 1}, stride{1, 1}, padding{0, 0}, dilation{1, 1};
};
Pair slide(std::string_view kind, std::string_view window_name, const Windows& windows,
           const Shape& image);

// Reads and writes of fp32 by an op with these samples, in bytes.
double traffic(std::span<const Shape> inputs, const Shape& output);

}  // namespace trireme
