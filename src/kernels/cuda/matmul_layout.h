#pragma once
// A row-major product in cuBLASLt's terms, which are column-major. Arithmetic only: nothing of
// CUDA.

#include <cstdint>

#include "kernels/kernel_table.h"

namespace trireme::cu {

// A matrix as cuBLASLt sees the bytes: column-major, `ld` elements from one column to the next.
struct ColumnMajor {
  int64_t rows, cols, ld;
  friend bool operator==(const ColumnMajor&, const ColumnMajor&) = default;
};

// What the library does to the product before it is stored.
enum class MatmulEpilogue : int32_t { none, bias, relu, relu_bias, gelu_tanh, gelu_tanh_bias };

// C[m,n] = op(A) op(B) row-major is, byte for byte, C'[n,m] = op(B)' op(A)' column-major: the
// operands change places, and each matrix is read as its own transpose. So the library's first
// operand is B, its second A, and the bias of a column of C runs along a column of C'.
struct MatmulLayout {
  ColumnMajor first, second, result;  // of B, A, C
  bool transpose_first, transpose_second;
  MatmulEpilogue epilogue;
  Activation after;  // by a kernel of ours on the stored result: what no epilogue offers
  float beta;        // 1 for Write::add
};

MatmulLayout layout_of(const MatmulSpec&);

}  // namespace trireme::cu
