// How pairs of feature vectors agree (Naumov et al., arXiv:1906.00091). A block takes a sample: its
// vectors go to shared memory as floats, read once from memory, neighbouring threads neighbouring
// elements. Forward, a thread takes pairs, and the vectors' stride is odd, so that threads that
// read the same element of different vectors meet different banks. Backward, a thread takes
// elements of the gradient, and reads the other vectors in their order. Vectors that do not fit
// into shared memory are read where they are.
#include "kernels/cuda/own/element.h"
#include "kernels/cuda/own/fill.h"

namespace trireme::cu {
namespace {

// What a block has without asking for more.
constexpr int64_t kSharedFloats = 48 * 1024 / static_cast<int64_t>(sizeof(float));

// Of one sample.
struct Interaction {
  int first_row, rows, dim;  // first_row: 1 where there is a z before the rows of x
  __host__ __device__ int vectors() const { return first_row + rows; }
  __host__ __device__ int elements() const { return vectors() * dim; }
  __host__ __device__ int pairs() const { return vectors() * (vectors() - 1) / 2; }
  __host__ __device__ int width() const { return dim + pairs(); }  // of y
  __host__ __device__ int stride() const { return dim | 1; }       // in shared memory
};
__device__ constexpr int pairs_before(int i) { return i * (i - 1) / 2; }
// The block's part of a loop over elements or pairs of a sample.
__device__ inline int first_of_block() { return static_cast<int>(threadIdx.x); }
__device__ inline int step_of_block() { return static_cast<int>(blockDim.x); }

// The vectors of one sample where they are.
template <class T>
struct Given {
  const T* z;
  const T* x;
  int first_row, dim;
  __device__ float at(int i, int e) const {
    return to_float(i < first_row ? z[e] : x[(i - first_row) * dim + e]);
  }
};
struct Kept {  // in shared memory
  const float* v;
  int stride;
  __device__ float at(int i, int e) const { return v[i * stride + e]; }
};

template <class T>
__device__ inline Given<T> given(const Interaction& of, int64_t sample, const T* z, const T* x) {
  return {z + sample * of.dim, x + sample * of.rows * of.dim, of.first_row, of.dim};
}

template <class T>
__device__ inline Kept keep(const Interaction& of, const Given<T>& from, float* shared) {
  for (int at = first_of_block(); at < of.elements(); at += step_of_block()) {
    const int i = at / of.dim, e = at - i * of.dim;
    shared[i * of.stride() + e] = from.at(i, e);
  }
  return {shared, of.stride()};
}

template <class T, class Vectors>
__device__ inline void write_products(const Interaction& of, const Vectors& v, T* y) {
  for (int e = first_of_block(); e < of.dim; e += step_of_block()) y[e] = from_float<T>(v.at(0, e));
  int i = 1;
  for (int pair = first_of_block(); pair < of.pairs(); pair += step_of_block()) {
    while (pair >= pairs_before(i + 1)) ++i;
    const int j = pair - pairs_before(i);
    float dot = 0;
    for (int e = 0; e < of.dim; ++e) dot += v.at(i, e) * v.at(j, e);
    y[of.dim + pair] = from_float<T>(dot);
  }
}

template <bool kShared, class T>
__global__ void __launch_bounds__(kBlock)
    dot_forward_kernel(int64_t samples, Interaction of, const T* z, const T* x, T* y) {
  for (int64_t s = blockIdx.x; s < samples; s += gridDim.x) {
    const Given<T> from = given(of, s, z, x);
    T* const to = y + s * of.width();
    if constexpr (kShared) {
      TRIREME_DYNAMIC_SHARED(float, shared);
      const Kept kept = keep(of, from, shared);
      __syncthreads();
      write_products(of, kept, to);
      __syncthreads();  // the next sample overwrites them
    } else {
      write_products(of, from, to);
    }
  }
}

template <class T>
struct Gradients {
  T* dz;
  T* dx;
  bool add_z, add_x;
};

// dv_i[e] = sum over j of d(i,j) v_j[e], ascending, and what the copy brings; `d(pair)`: of a pair.
template <class T, class Vectors, class Slopes>
__device__ inline void write_gradients(const Interaction& of, int64_t sample, const Vectors& v,
                                       const T* copied, const Slopes& d, const Gradients<T>& to) {
  for (int at = first_of_block(); at < of.elements(); at += step_of_block()) {
    const int i = at / of.dim, e = at - i * of.dim;
    const bool of_z = i < of.first_row;
    if (!(of_z ? to.dz : to.dx)) continue;
    float sum = i == 0 ? to_float(copied[e]) : 0.0f;
    for (int j = 0; j < i; ++j) sum += d(pairs_before(i) + j) * v.at(j, e);
    for (int j = i + 1; j < of.vectors(); ++j) sum += d(pairs_before(j) + i) * v.at(j, e);
    if (of_z)
      put(to.dz + sample * of.dim + e, sum, to.add_z);
    else
      put(to.dx + (sample * of.rows + i - of.first_row) * of.dim + e, sum, to.add_x);
  }
}

template <bool kShared, class T>
__global__ void __launch_bounds__(kBlock)
    dot_backward_kernel(int64_t samples, Interaction of, const T* z, const T* x, const T* dy,
                        Gradients<T> to) {
  for (int64_t s = blockIdx.x; s < samples; s += gridDim.x) {
    const Given<T> from = given(of, s, z, x);
    const T* const copied = dy + s * of.width();
    const T* const of_pairs = copied + of.dim;
    if constexpr (kShared) {
      TRIREME_DYNAMIC_SHARED(float, shared);
      const Kept kept = keep(of, from, shared);
      float* const slopes = shared + of.vectors() * of.stride();
      for (int pair = first_of_block(); pair < of.pairs(); pair += step_of_block())
        slopes[pair] = to_float(of_pairs[pair]);
      __syncthreads();
      write_gradients(
          of, s, kept, copied, [slopes](int pair) { return slopes[pair]; }, to);
      __syncthreads();  // the next sample overwrites them
    } else {
      write_gradients(
          of, s, from, copied, [of_pairs](int pair) { return to_float(of_pairs[pair]); }, to);
    }
  }
}

// Threads that have something to do, in whole warps.
inline unsigned block_for(int64_t work) {
  return static_cast<unsigned>(smaller(kBlock, larger(1, ceil_div(work, kWarp)) * kWarp));
}

template <class T>
Status dot_interaction_forward(Stream* s, int64_t samples, int64_t rows, int64_t dim,
                               const Element* z, const Element* x, Element* y) noexcept {
  const Interaction of{z ? 1 : 0, static_cast<int>(rows), static_cast<int>(dim)};
  const int64_t floats = int64_t{of.vectors()} * of.stride();
  const bool fits = floats <= kSharedFloats;
  return launch(fits ? dot_forward_kernel<true, T> : dot_forward_kernel<false, T>,
                grid_of_rows(samples), block_for(of.width()),
                fits ? static_cast<size_t>(floats) * sizeof(float) : 0, s, samples, of, typed<T>(z),
                typed<T>(x), typed<T>(y));
}

template <class T>
Status dot_interaction_backward(Stream* s, int64_t samples, int64_t rows, int64_t dim,
                                const Element* z, const Element* x, const Element* dy, Element* dz,
                                Write dz_write, Element* dx, Write dx_write) noexcept {
  const Interaction of{z ? 1 : 0, static_cast<int>(rows), static_cast<int>(dim)};
  const Gradients<T> to{typed<T>(dz), typed<T>(dx), dz_write == Write::add, dx_write == Write::add};
  const int64_t floats = int64_t{of.vectors()} * of.stride() + of.pairs();
  const bool fits = floats <= kSharedFloats;
  return launch(fits ? dot_backward_kernel<true, T> : dot_backward_kernel<false, T>,
                grid_of_rows(samples), block_for(of.elements()),
                fits ? static_cast<size_t>(floats) * sizeof(float) : 0, s, samples, of, typed<T>(z),
                typed<T>(x), typed<T>(dy), to);
}

}  // namespace

template <class T>
void fill_dot_interaction(KernelTable& t) noexcept {
  t.dot_interaction_forward = dot_interaction_forward<T>;
  t.dot_interaction_backward = dot_interaction_backward<T>;
}
template void fill_dot_interaction<float>(KernelTable&) noexcept;
template void fill_dot_interaction<__nv_bfloat16>(KernelTable&) noexcept;
template void fill_dot_interaction<__half>(KernelTable&) noexcept;

}  // namespace trireme::cu
