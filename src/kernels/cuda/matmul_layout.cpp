#include "kernels/cuda/matmul_layout.h"

namespace trireme::cu {
namespace {

// The bytes of a row-major matrix, read column by column.
ColumnMajor read_transposed(int64_t rows, int64_t cols) { return {cols, rows, cols}; }

ColumnMajor stored(int64_t rows, int64_t cols, bool transpose) {
  return transpose ? read_transposed(cols, rows) : read_transposed(rows, cols);
}

MatmulEpilogue epilogue_of(Activation activation, bool bias) {
  switch (activation) {
    case Activation::relu:
      return bias ? MatmulEpilogue::relu_bias : MatmulEpilogue::relu;
    case Activation::gelu_tanh:
      return bias ? MatmulEpilogue::gelu_tanh_bias : MatmulEpilogue::gelu_tanh;
    default:
      return bias ? MatmulEpilogue::bias : MatmulEpilogue::none;
  }
}

bool in_library(Activation a) { return a == Activation::relu || a == Activation::gelu_tanh; }

}  // namespace

MatmulLayout layout_of(const MatmulSpec& s) {
  return {.first = stored(s.k, s.n, s.transpose_b),
          .second = stored(s.m, s.k, s.transpose_a),
          .result = read_transposed(s.m, s.n),
          .transpose_first = s.transpose_b,
          .transpose_second = s.transpose_a,
          .epilogue = epilogue_of(s.activation, s.bias),
          .after = in_library(s.activation) ? Activation::none : s.activation,
          .beta = s.write == Write::add ? 1.0f : 0.0f};
}

}  // namespace trireme::cu
