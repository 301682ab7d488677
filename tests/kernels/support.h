#pragma once
// What the kernel tests share: one run per device, random buffers, tolerances.

#include <gtest/gtest.h>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <vector>

#include "base/rng.h"
#include "cuda_shim/execution.h"
#include "kernels/elements.h"
#include "kernels/kernel_table.h"
#include "tensor/buffer.h"

namespace trireme::test {

// Where the program at hand tests kernels, and the kernels there: kernels_tests on every level of
// the CPU and, our CUDA kernels, in each thread order of the execution shim and for every type of
// Elements (devices.cpp); kernels_device_tests on a GPU in one precision (tests/kernels_device).
std::vector<std::string> devices();
std::vector<std::string> devices_with_plans();  // the shim has none: it runs no library
const KernelTable& kernels_of(const std::string& device);

// The parameter is one of devices().
class KernelTest : public testing::TestWithParam<std::string> {
 protected:
  KernelTest() {
    if (GetParam().ends_with("descending")) cuda_shim::set_order(cuda_shim::Order::descending);
    if (GetParam().ends_with("shuffled")) cuda_shim::set_order(cuda_shim::Order::shuffled);
  }
  ~KernelTest() override {
    EXPECT_EQ(cuda_shim::take_fault(), "");
    cuda_shim::set_order(cuda_shim::Order::ascending);
  }

  // Whether what only the data can show comes back as a Status (kernel_table.h).
  bool on_cpu() const { return !GetParam().starts_with("cuda"); }
  // Whether every thread of a grid costs a switch: fewer and smaller grids then.
  bool in_shim() const { return GetParam().starts_with("cuda_shim"); }

  // What an Element can hold of v. In tf32: what a product reads of it, so that products are exact
  // to fp32 there as well.
  float rounded(float v) const {
    return test::rounded(GetParam().ends_with("tf32") ? kTf32 : format_of(k.element), v);
  }
  std::vector<float> rounded(std::vector<float> all) const {
    for (float& v : all) v = rounded(v);
    return all;
  }
  Elements elements(const std::vector<float>& values) const { return {k.element, values}; }
  // For a result that is as good as `fp32` and rounded to Elements so many times.
  double tolerance(double fp32, int roundings = 1) const {
    if (k.element == ElementType::f32) return fp32;
    return fp32 + roundings * std::ldexp(0.5, -format_of(k.element).fraction);
  }

  const KernelTable& k = kernels_of(GetParam());
};

inline std::string device_name(const testing::TestParamInfo<std::string>& info) {
  std::string name = info.param;
  for (char& c : name) c = c == '-' ? '_' : c;
  return name;
}

inline const std::vector<int64_t>& sizes() {
  static const std::vector<int64_t> all{0, 1, 3, 31, 33, 1000, 1000003};
  return all;
}

// Uniform in [low, high), a function of `seed` and the index.
inline std::vector<float> random(int64_t n, uint64_t seed, float low = -2, float high = 2) {
  std::vector<float> v(static_cast<size_t>(n));
  for (size_t i = 0; i < v.size(); ++i) {
    v[i] = low + (high - low) * to_unit_float(philox(seed, i, 7)[0]);
  }
  return v;
}

inline std::vector<int64_t> random_labels(int64_t n, int64_t classes, uint64_t seed) {
  std::vector<int64_t> v(static_cast<size_t>(n));
  for (size_t i = 0; i < v.size(); ++i) {
    const auto w = philox(seed, i, 9);
    v[i] = static_cast<int64_t>(to_below(w[0], w[1], static_cast<uint64_t>(classes)));
  }
  return v;
}

// 64-byte aligned bytes, all 0xFF: nothing may rely on what scratch holds, and four of them are a
// NaN. They come from operator new, which kernels_device_tests serves from memory that its device
// sees.
class Bytes {
 public:
  explicit Bytes(size_t size = 0) : lines_(align_up(size) / kAlignment) {
    if (size > 0) std::memset(lines_.data(), 0xFF, lines_.size() * kAlignment);
  }
  void* data() const { return lines_.empty() ? nullptr : const_cast<Line*>(lines_.data()); }
  float* floats() const { return static_cast<float*>(data()); }

 private:
  struct alignas(kAlignment) Line {
    std::byte bytes[kAlignment];
  };
  std::vector<Line> lines_;
};

// What a reduction over [rows, cols] asks for; null where that is nothing.
class Scratch {
 public:
  Scratch(const KernelTable& k, int64_t rows, int64_t cols)
      : bytes_(k.reduction_scratch(rows, cols)) {}
  operator void*() const { return bytes_.data(); }

 private:
  Bytes bytes_;
};

// |a - b| <= tolerance (1 + |b|), for all elements; NaN equals NaN.
template <class A, class B>
void expect_near(const A& actual, const B& expected, double tolerance, const char* what = "") {
  ASSERT_EQ(actual.size(), expected.size()) << what;
  for (size_t i = 0; i < actual.size(); ++i) {
    const double a = actual[i], b = expected[i];
    if (std::isnan(a) && std::isnan(b)) continue;
    ASSERT_LE(std::abs(a - b), tolerance * (1 + std::abs(b)))
        << what << " element " << i << ": " << a << " instead of " << b;
  }
}

// Owns a plan, its scratch and its packed weights, and runs it.
class PlanRunner {
 public:
  PlanRunner(const KernelTable& k, const Conv2dSpec& spec, ConvPass pass) : k_(k) {
    status = k.make_conv2d(&spec, pass, &plan_, &info);
    prepare();
  }
  PlanRunner(const KernelTable& k, const MatmulSpec& spec, bool pack_b) : k_(k) {
    status = k.make_matmul(&spec, pack_b, &plan_, &info);
    prepare();
  }
  PlanRunner(const PlanRunner&) = delete;
  PlanRunner& operator=(const PlanRunner&) = delete;
  ~PlanRunner() {
    if (plan_) k_.destroy(plan_);
  }
  // The weights to pass to run(): `weights`, or their packed copy.
  const Element* weights(const Element* weights) {
    if (info.pack_bytes == 0) return weights;
    constexpr int64_t kParts = 3;
    for (int64_t part = 0; part < kParts; ++part)
      EXPECT_EQ(k_.pack(plan_, nullptr, weights, packed_.data(), part, kParts), Status::ok);
    return packed_.floats();
  }
  Status run(const void* a, const void* b, const void* c, void* d) {
    void* arguments[] = {const_cast<void*>(a), const_cast<void*>(b), const_cast<void*>(c), d};
    return k_.run(plan_, nullptr, arguments, scratch_.data());
  }
  // In `parts` parts.
  Status run_leaves(const std::vector<LeafProduct>& products, float* c, int64_t parts) {
    Status s = Status::ok;
    for (int64_t part = 0; part < parts && s == Status::ok; ++part)
      s = k_.run_leaves(plan_, nullptr, static_cast<int64_t>(products.size()), products.data(), c,
                        part, parts, scratch_.data());
    return s;
  }
  Status run_blocks(const std::vector<RowBlock>& blocks, const Element* b, const float* bias) {
    return k_.run_blocks(plan_, nullptr, static_cast<int64_t>(blocks.size()), blocks.data(), b,
                         bias);
  }

  Status status;
  PlanInfo info{};

 private:
  void prepare() {
    scratch_ = Bytes(info.scratch_bytes);
    packed_ = Bytes(info.pack_bytes);
  }
  const KernelTable& k_;
  Plan* plan_ = nullptr;
  Bytes scratch_, packed_;
};

}  // namespace trireme::test
