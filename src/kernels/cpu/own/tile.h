#pragma once
// The one register-blocked product behind our convolutions and dense layers.
//
//   c[r][j] (+)= act(bias[j] + sum over s < segments, k < depth of
//                    a[s a_segment + (r, k)] b[s b_segment + k b_step + j])
//
// for a few rows r and one panel of one or two vectors of columns j. `rows`: A's rows are a_stride
// apart and k is contiguous; `columns`: A's rows are contiguous and k steps by a_stride. B is read
// in whole vectors, so its panels are padded; a, bias and c are touched only where elements exist.
// Order of summation: k ascending within s ascending (small tiles: even and odd k apart, then
// added), then bias, then what c held. It follows from the shape alone.

#include "kernels/cpu/own/vector.h"
#ifdef __FMA__
#include <immintrin.h>
#endif

namespace trireme::cpu::TRIREME_LEVEL {

#ifdef __AVX512F__
typedef float Wide __attribute__((vector_size(64)));
constexpr int64_t kMostRows2 = 12;  // rows of a tile of two vectors: 24 of 32 registers
#else
typedef float Wide __attribute__((vector_size(32)));
constexpr int64_t kMostRows2 = 6;  // 12 of 16 registers
#endif
constexpr int64_t kFloatsAhead = 128;  // of a row of B
constexpr int64_t kMostRows1 = 14;     // rows of a tile of one vector
template <class Vector>
constexpr int64_t kLanes = sizeof(Vector) / sizeof(float);

// a b + c
static inline Float8 fused(Float8 a, Float8 b, Float8 c) {
#ifdef __FMA__
  return _mm256_fmadd_ps(a, b, c);
#else
  return a * b + c;
#endif
}
static inline Float8 spread(float v, Float8*) { return Float8{v, v, v, v, v, v, v, v}; }
#ifdef __AVX512F__
static inline Wide fused(Wide a, Wide b, Wide c) { return _mm512_fmadd_ps(a, b, c); }
static inline Wide spread(float v, Wide*) { return _mm512_set1_ps(v); }
#endif

// The first `count` lanes, the others zero.
template <class Vector>
[[gnu::noinline]] static Vector load_part(const float* p, int64_t count) {
  float lanes[kLanes<Vector>] = {};
  for (int64_t i = 0; i < count; ++i) lanes[i] = p[i];
  return load<Vector>(lanes);
}

template <class Vector>
static inline Vector load_first(const float* p, int64_t count) {
  return count >= kLanes<Vector> ? load<Vector>(p) : load_part<Vector>(p, count);
}

struct Tile {
  const float* a;
  const float* b;
  float* c;
  const float* bias;  // or null
  int64_t segments, a_segment, b_segment;
  int64_t depth, a_stride, b_step;
  int64_t c_stride;
  int64_t columns;  // that exist
  int64_t
      stored;  // columns of c that may be overwritten, row after row: columns, or the panel's width
  bool add, relu;
};

// The end of a tile that covers a part of its last vector, or adds and has an epilogue as well.
[[gnu::noinline, maybe_unused]] static void finish_elements(const Tile& t, int64_t rows,
                                                            int64_t width, const float* sums) {
  for (int64_t r = 0; r < rows; ++r) {
    float* c = t.c + r * t.c_stride;
    for (int64_t j = 0; j < t.columns; ++j) {
      float value = sums[r * width + j] + (t.bias ? t.bias[j] : 0.0f);
      if (t.add) value += c[j];
      c[j] = t.relu && value < 0.0f ? 0.0f : value;
    }
  }
}

template <class Vector, int kRows, int kVectors>
struct Sums {
  Vector at[kRows][kVectors] = {};

  template <bool kColumns, bool kAhead>
  inline void multiply(const float* a, int64_t a_stride, const float* b) {
    Vector right[kVectors];
#pragma GCC unroll 2
    for (int v = 0; v < kVectors; ++v) {
      right[v] = load<Vector>(b + v * kLanes<Vector>);
      if (kAhead) __builtin_prefetch(b + (kFloatsAhead + v * kLanes<Vector>), 0, 2);
    }
#pragma GCC unroll 16
    for (int r = 0; r < kRows; ++r) {
      const Vector left = spread(a[kColumns ? r : r * a_stride], static_cast<Vector*>(nullptr));
#pragma GCC unroll 2
      for (int v = 0; v < kVectors; ++v) at[r][v] = fused(left, right[v], at[r][v]);
    }
  }
  inline void add(const Sums& other) {
#pragma GCC unroll 16
    for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 2
      for (int v = 0; v < kVectors; ++v) at[r][v] += other.at[r][v];
    }
  }
  // Whole vectors only.
  inline void set(const Tile& t) const {
    const float lowest = t.relu ? 0.0f : -__builtin_inff();
    const Vector floor = spread(lowest, static_cast<Vector*>(nullptr));
    const int64_t c_stride = t.c_stride;
    float* const c = t.c;
    Vector bias[kVectors] = {};
#pragma GCC unroll 2
    for (int v = 0; v < kVectors; ++v) {
      const int64_t first = v * kLanes<Vector>;
      if (t.bias) bias[v] = load_first<Vector>(t.bias + first, t.columns - first);
    }
#pragma GCC unroll 16
    for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 2
      for (int v = 0; v < kVectors; ++v) {
        const Vector value = at[r][v] + bias[v];
        store(c + r * c_stride + v * kLanes<Vector>, value < floor ? floor : value);  // NaN stays
      }
    }
  }
  inline void accumulate(const Tile& t) const {
    const int64_t c_stride = t.c_stride;
    float* const start = t.c;
#pragma GCC unroll 16
    for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 2
      for (int v = 0; v < kVectors; ++v) {
        float* c = start + r * c_stride + v * kLanes<Vector>;
        store(c, load<Vector>(c) + at[r][v]);
      }
    }
  }
  inline void finish(const Tile& t) const {
    const bool whole = t.stored >= kVectors * kLanes<Vector>;
    if (whole && !t.add) return set(t);
    if (whole && !t.bias && !t.relu) return accumulate(t);
    float sums[kRows * kVectors * kLanes<Vector>];
    __builtin_memcpy(sums, at, sizeof sums);
    finish_elements(t, kRows, kVectors * kLanes<Vector>, sums);
  }
};

// kAhead: B's rows lie so far apart that nothing else foresees what will be read.
template <class Vector, int kRows, int kVectors, bool kColumns, bool kAhead>
static void multiply_tile(const Tile& t) {
  // Two sets of sums where one would leave the multipliers waiting for each other.
  constexpr int kSets = kRows * kVectors <= 6 ? 2 : 1;
  const int64_t stride = t.a_stride, a_step = kColumns ? stride : 1, b_step = t.b_step;
  Sums<Vector, kRows, kVectors> even, odd;
  for (int64_t s = 0; s < t.segments; ++s) {
    const float* a = t.a + s * t.a_segment;
    const float* b = t.b + s * t.b_segment;
    int64_t k = t.depth;
    for (; k >= kSets; k -= kSets, a += kSets * a_step, b += kSets * b_step) {
      even.template multiply<kColumns, kAhead>(a, stride, b);
      if (kSets == 2) odd.template multiply<kColumns, kAhead>(a + a_step, stride, b + b_step);
    }
    if (kSets == 2 && k > 0) even.template multiply<kColumns, kAhead>(a, stride, b);
  }
  if (kSets == 2) even.add(odd);
  even.finish(t);
}

// All tiles of one panel: `rows` rows, cut evenly.
template <class Vector, bool kColumns, bool kAhead = false>
static inline void multiply_panel(const Tile& t, int64_t rows) {
  using Function = void (*)(const Tile&);
  static constexpr Function one[] = {
      nullptr,
      multiply_tile<Vector, 1, 1, kColumns, kAhead>,
      multiply_tile<Vector, 2, 1, kColumns, kAhead>,
      multiply_tile<Vector, 3, 1, kColumns, kAhead>,
      multiply_tile<Vector, 4, 1, kColumns, kAhead>,
      multiply_tile<Vector, 5, 1, kColumns, kAhead>,
      multiply_tile<Vector, 6, 1, kColumns, kAhead>,
      multiply_tile<Vector, 7, 1, kColumns, kAhead>,
      multiply_tile<Vector, 8, 1, kColumns, kAhead>,
      multiply_tile<Vector, 9, 1, kColumns, kAhead>,
      multiply_tile<Vector, 10, 1, kColumns, kAhead>,
      multiply_tile<Vector, 11, 1, kColumns, kAhead>,
      multiply_tile<Vector, 12, 1, kColumns, kAhead>,
      multiply_tile<Vector, 13, 1, kColumns, kAhead>,
      multiply_tile<Vector, 14, 1, kColumns, kAhead>,
  };
  static constexpr Function two[] = {
      nullptr,
      multiply_tile<Vector, 1, 2, kColumns, kAhead>,
      multiply_tile<Vector, 2, 2, kColumns, kAhead>,
      multiply_tile<Vector, 3, 2, kColumns, kAhead>,
      multiply_tile<Vector, 4, 2, kColumns, kAhead>,
      multiply_tile<Vector, 5, 2, kColumns, kAhead>,
      multiply_tile<Vector, 6, 2, kColumns, kAhead>,
#ifdef __AVX512F__
      multiply_tile<Vector, 7, 2, kColumns, kAhead>,
      multiply_tile<Vector, 8, 2, kColumns, kAhead>,
      multiply_tile<Vector, 9, 2, kColumns, kAhead>,
      multiply_tile<Vector, 10, 2, kColumns, kAhead>,
      multiply_tile<Vector, 11, 2, kColumns, kAhead>,
      multiply_tile<Vector, 12, 2, kColumns, kAhead>,
#endif
  };
  const bool single = t.columns <= kLanes<Vector>;
  const int64_t most = single ? kMostRows1 : kMostRows2;
  const Function* const functions = single ? one : two;
  if (rows <= most) return functions[rows](t);
  const int64_t parts = (rows + most - 1) / most, size = rows / parts, larger = rows % parts;
  const int64_t a_row = kColumns ? 1 : t.a_stride;
  Tile part = t;
  for (int64_t i = 0; i < parts; ++i) {
    const int64_t count = size + (i < larger);
    functions[count](part);
    part.a += count * a_row;
    part.c += count * t.c_stride;
  }
}

}  // namespace trireme::cpu::TRIREME_LEVEL
