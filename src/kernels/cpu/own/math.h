#pragma once
// exp, log, log1p, tanh, erf and what follows from them, for float, in a form that loops over
// arrays vectorise: no branches, no tables. Errors stay within 2-4 ulp (tests/kernels/math_test.cpp
// measures them); infinities and NaN as in libm. Polynomials are weighted least-squares fits of our
// own.

#include <cstdint>

namespace trireme::cpu::TRIREME_LEVEL {

// a * b + c; fused where the level has the instruction, so that no call to libm's fmaf is made.
static inline float muladd(float a, float b, float c) {
#ifdef __FMA__
  return __builtin_fmaf(a, b, c);
#else
  return a * b + c;
#endif
}

static inline float from_bits(int32_t bits) { return __builtin_bit_cast(float, bits); }
static inline int32_t to_bits(float x) { return __builtin_bit_cast(int32_t, x); }

// 2^n (1 + r + r^2 q(r)), |r| <= ln(2) / 2. Two factors, because 2^n itself may overflow.
static inline float exp_of(float x) {
  constexpr float kRound = 0x1.8p23f;
  const float capped = x > 89.0f ? 89.0f : (x < -104.0f ? -104.0f : x);
  const float shifted = muladd(capped, 0x1.715476p0f, kRound);
  const float n = shifted - kRound;
  const float r = muladd(n, -0x1.7f7d1cp-20f, muladd(n, -0x1.62e4p-1f, capped));
  float q = 0.00139421644f;
  q = muladd(q, r, 0.00836377591f);
  q = muladd(q, r, 0.0416663624f);
  q = muladd(q, r, 0.166665733f);
  q = muladd(q, r, 0.5f);
  const float p = muladd(r * r, q, r) + 1.0f;
  const int32_t k = to_bits(shifted) - to_bits(kRound);
  const int32_t half = k >> 1;
  return p * from_bits((half + 127) << 23) * from_bits((k - half + 127) << 23);
}

// ln(2) e + ln(1 + f), 1 + f in [sqrt(1/2), sqrt(2)).
static inline float log_of(float x) {
  const bool tiny = x < 0x1p-126f;
  const float scaled = x * 0x1p23f;
  const float normal = tiny ? scaled : x;
  // Unsigned, because a negative x wraps around.
  const auto shifted = static_cast<int32_t>(static_cast<uint32_t>(to_bits(normal)) - 0x3f3504f3u);
  const int32_t e = shifted >> 23;
  const float f = from_bits((shifted & 0x7fffff) + 0x3f3504f3) - 1.0f;
  const float exponent = static_cast<float>(e) - (tiny ? 23.0f : 0.0f);
  float q = 0.069265902f;
  q = muladd(q, f, -0.118079931f);
  q = muladd(q, f, 0.118776388f);
  q = muladd(q, f, -0.123817645f);
  q = muladd(q, f, 0.142177522f);
  q = muladd(q, f, -0.166693598f);
  q = muladd(q, f, 0.200022712f);
  q = muladd(q, f, -0.249999851f);
  q = muladd(q, f, 0.333333105f);
  const float f2 = f * f;
  const float tail = muladd(exponent, 0x1.7f7d1cp-20f, f2 * muladd(f, q, -0.5f));
  const float value = muladd(exponent, 0x1.62e4p-1f, f + tail);
  const float positive = x == __builtin_inff() ? x : value;
  const float rest = x == 0.0f ? -__builtin_inff() : __builtin_nanf("");
  return x > 0.0f ? positive : rest;
}

// log(1 + u), u >= 0: the rounding error of 1 + u is made good to first order.
static inline float log1p_of(float u) {
  const float w = 1.0f + u;
  return log_of(w) + (u - (w - 1.0f)) / w;
}

static inline float tanh_of(float x) {
  const float a = __builtin_fabsf(x);
  const float s = x * x;
  float q = -0.0059422492f;
  q = muladd(q, s, 0.0208891518f);
  q = muladd(q, s, -0.0538279153f);
  q = muladd(q, s, 0.133326188f);
  q = muladd(q, s, -0.333333284f);
  const float small = muladd(x * s, q, x);
  const float large = 1.0f - 2.0f / (exp_of(a + a) + 1.0f);
  return a < 0.625f ? small : __builtin_copysignf(large, x);
}

// x + x q(x^2) near zero, 1 - exp(t (r(t) - 1)) beyond, t = |x|.
static inline float erf_of(float x) {
  const float a = __builtin_fabsf(x);
  const float t = a > 4.0f ? 4.0f : a;
  const float s = x * x;
  float q = -0.000593188219f;
  q = muladd(q, s, 0.00498215295f);
  q = muladd(q, s, -0.0267595872f);
  q = muladd(q, s, 0.112816401f);
  q = muladd(q, s, -0.376124799f);
  q = muladd(q, s, 0.128379151f);
  float r = -1.15222765e-05f;
  r = muladd(r, t, 0.000325652567f);
  r = muladd(r, t, -0.00365376356f);
  r = muladd(r, t, 0.0237853453f);
  r = muladd(r, t, -0.106263146f);
  r = muladd(r, t, -0.635135889f);
  r = muladd(r, t, -0.128652155f);
  const float large = 1.0f - exp_of(muladd(t, r, -t));
  return a < 0.93f ? muladd(x, q, x) : __builtin_copysignf(large, x);
}

static inline float sigmoid_of(float x) { return 1.0f / (1.0f + exp_of(-x)); }

}  // namespace trireme::cpu::TRIREME_LEVEL
