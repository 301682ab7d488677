#include "kernels/support.h"

namespace trireme::test {
namespace {

struct Case {
  const char* name;
  Conv2dSpec spec;
};

// n, h, w, in, out, kernel, stride, padding, dilation, groups, bias, activation, alpha
std::vector<Case> cases() {
  const auto none = Activation::none;
  return {
      {"lenet_first", {3, 28, 28, 1, 6, 5, 5, 1, 1, 2, 2, 1, 1, 1, true, Activation::relu, 0}},
      {"lenet_second", {3, 14, 14, 6, 16, 5, 5, 1, 1, 0, 0, 1, 1, 1, true, Activation::tanh, 0}},
      {"strided", {2, 9, 11, 3, 8, 3, 3, 2, 2, 1, 1, 1, 1, 1, false, none, 0}},
      {"uneven", {2, 9, 11, 5, 7, 3, 2, 2, 1, 1, 0, 1, 1, 1, true, Activation::sigmoid, 0}},
      {"dilated", {2, 12, 10, 4, 8, 3, 3, 1, 1, 2, 2, 2, 2, 1, true, none, 0}},
      {"grouped", {2, 8, 8, 8, 16, 3, 3, 1, 1, 1, 1, 1, 1, 4, true, none, 0}},
      {"depthwise",
       {2, 8, 8, 8, 8, 3, 3, 1, 1, 1, 1, 1, 1, 8, false, Activation::leaky_relu, 0.1f}},
      {"depthwise_strided", {1, 9, 9, 32, 32, 3, 3, 2, 2, 1, 1, 1, 1, 32, false, none, 0}},
      {"pointwise", {2, 7, 7, 16, 24, 1, 1, 1, 1, 0, 0, 1, 1, 1, false, none, 0}},
      {"pointwise_strided", {2, 8, 8, 16, 32, 1, 1, 2, 2, 0, 0, 1, 1, 1, false, none, 0}},
      {"residual", {2, 8, 8, 16, 16, 3, 3, 1, 1, 1, 1, 1, 1, 1, false, none, 0}},
      {"one_sample", {1, 5, 5, 1, 1, 5, 5, 1, 1, 0, 0, 1, 1, 1, true, none, 0}},
      {"odd_channels", {2, 13, 7, 17, 9, 3, 3, 1, 1, 1, 1, 1, 1, 1, true, Activation::relu, 0}},
      {"three_panels", {3, 9, 15, 1, 37, 3, 5, 1, 1, 1, 2, 1, 1, 1, true, Activation::relu, 0}},
      {"two_vectors_partly",
       {2, 7, 5, 3, 13, 2, 2, 1, 1, 1, 0, 1, 1, 1, false, Activation::relu, 0}},
      {"long_stride",
       {1, 17, 16, 2, 11, 3, 2, 3, 4, 2, 1, 1, 1, 1, true, Activation::leaky_relu, 0.2f}},
      {"dilated_rows", {2, 11, 9, 3, 5, 3, 4, 2, 1, 1, 3, 2, 1, 1, true, none, 0}},
      {"kernel_of_one_column", {2, 9, 8, 4, 7, 3, 1, 1, 1, 1, 0, 1, 5, 1, true, none, 0}},
      {"whole_image", {4, 6, 5, 12, 20, 6, 5, 1, 1, 0, 0, 1, 1, 1, true, none, 0}},
      {"wide_rows", {1, 5, 61, 8, 24, 3, 3, 1, 1, 1, 1, 1, 1, 1, true, none, 0}},
      {"tiles_of_four", {3, 8, 12, 32, 48, 3, 3, 1, 1, 1, 1, 1, 1, 1, true, Activation::relu, 0}},
      {"tiles_partly", {2, 7, 13, 16, 32, 3, 3, 1, 1, 0, 2, 1, 1, 1, true, Activation::tanh, 0}},
      {"tiles_in_long_rows", {2, 9, 90, 16, 16, 3, 3, 1, 1, 1, 1, 1, 1, 1, false, none, 0}},
      {"tiles_in_groups", {9, 14, 14, 64, 64, 3, 3, 1, 1, 1, 1, 1, 1, 1, true, none, 0}},
      {"one_tile", {1, 4, 4, 16, 16, 3, 3, 1, 1, 1, 1, 1, 1, 1, true, none, 0}},
      {"ungrouped_one_output", {2, 6, 6, 3, 1, 3, 3, 1, 1, 1, 1, 1, 1, 1, true, none, 0}},
  };
}

int64_t extent(int64_t in, int64_t kernel, int64_t stride, int64_t pad, int64_t dilation) {
  return (in + 2 * pad - dilation * (kernel - 1) - 1) / stride + 1;
}

struct Geometry {
  explicit Geometry(const Conv2dSpec& s)
      : oh(extent(s.h, s.kernel_h, s.stride_h, s.pad_h, s.dilation_h)),
        ow(extent(s.w, s.kernel_w, s.stride_w, s.pad_w, s.dilation_w)),
        x(s.n * s.h * s.w * s.c_in),
        y(s.n * oh * ow * s.c_out),
        weights(s.c_out * s.kernel_h * s.kernel_w * s.c_in / s.groups) {}
  int64_t oh, ow, x, y, weights;
};

// visit(x index, weight index, y index) for every product of the definition.
template <class Visit>
void for_products(const Conv2dSpec& s, Visit visit) {
  const Geometry g(s);
  const int64_t in = s.c_in / s.groups, out = s.c_out / s.groups;
  for (int64_t y = 0; y < g.y; ++y) {
    const int64_t o = y % s.c_out, ow = y / s.c_out % g.ow, oh = y / s.c_out / g.ow % g.oh;
    const int64_t n = y / s.c_out / g.ow / g.oh;
    for (int64_t kh = 0; kh < s.kernel_h; ++kh) {
      for (int64_t kw = 0; kw < s.kernel_w; ++kw) {
        const int64_t h = oh * s.stride_h - s.pad_h + kh * s.dilation_h;
        const int64_t w = ow * s.stride_w - s.pad_w + kw * s.dilation_w;
        if (h < 0 || h >= s.h || w < 0 || w >= s.w) continue;
        for (int64_t i = 0; i < in; ++i) {
          visit(((n * s.h + h) * s.w + w) * s.c_in + o / out * in + i,
                ((o * s.kernel_h + kh) * s.kernel_w + kw) * in + i, y);
        }
      }
    }
  }
}

double activate(const Conv2dSpec& s, double v) {
  switch (s.activation) {
    case Activation::relu:
      return std::max(v, 0.0);
    case Activation::leaky_relu:
      return v < 0 ? v * static_cast<double>(s.alpha) : v;
    case Activation::sigmoid:
      return 1 / (1 + std::exp(-v));
    case Activation::tanh:
      return std::tanh(v);
    default:
      return v;
  }
}

struct Problem {
  explicit Problem(const Conv2dSpec& s)
      : g(s),
        x(random(g.x, 1)),
        w(random(g.weights, 2, -1, 1)),
        bias(random(s.c_out, 3)),
        dy(random(g.y, 4)) {}
  Geometry g;
  std::vector<float> x, w, bias, dy;
};

class ConvTest : public KernelTest {
 protected:
  Problem problem(const Conv2dSpec& spec) const {
    Problem p(spec);
    p.x = rounded(p.x);
    p.w = rounded(p.w);
    p.dy = rounded(p.dy);
    return p;
  }
  // cuDNN may take transforms (Winograd, FFT) that are less exact than ours. Rounded twice: where
  // bias and activation are kernels of ours behind cuDNN's.
  double tolerance(double of_sums) const {
    return KernelTest::tolerance(on_cpu() ? of_sums : 4 * of_sums, 2);
  }
  // A transform's error goes by the size of the sums around it: tolerance times what is common
  // among the expected values, at least 1.
  double common(const std::vector<double>& values) const {
    double squares = 0;
    for (const double v : values) squares += v * v;
    return std::max(1.0, std::sqrt(squares / static_cast<double>(values.size())));
  }
};

TEST_P(ConvTest, ForwardEqualsTheDefinition) {
  for (const auto& [name, spec] : cases()) {
    SCOPED_TRACE(name);
    const Problem p = problem(spec);
    const Elements x = elements(p.x), w = elements(p.w), dy = elements(p.dy);
    std::vector<double> expected(p.dy.size());
    for_products(spec, [&](int64_t from, int64_t weight, int64_t to) {
      expected[static_cast<size_t>(to)] += static_cast<double>(p.x[static_cast<size_t>(from)]) *
                                           static_cast<double>(p.w[static_cast<size_t>(weight)]);
    });
    const double bound = tolerance(1e-5) * common(expected);
    for (size_t i = 0; i < expected.size(); ++i) {
      const auto c = i % static_cast<size_t>(spec.c_out);
      expected[i] = activate(spec, expected[i] + (spec.bias ? static_cast<double>(p.bias[c]) : 0));
    }
    PlanRunner plan(k, spec, ConvPass::forward);
    ASSERT_EQ(plan.status, Status::ok);
    Elements y = elements(std::vector<float>(expected.size(), 99.0f));
    const float* bias = spec.bias ? p.bias.data() : nullptr;
    ASSERT_EQ(plan.run(x, plan.weights(w), bias, y), Status::ok);
    expect_near(y, expected, bound);
  }
}

TEST_P(ConvTest, BackwardDataEqualsTheDefinition) {
  for (const auto& [name, spec] : cases()) {
    SCOPED_TRACE(name);
    const Problem p = problem(spec);
    const Elements x = elements(p.x), w = elements(p.w), dy = elements(p.dy);
    std::vector<double> expected(p.x.size());
    for_products(spec, [&](int64_t from, int64_t weight, int64_t to) {
      expected[static_cast<size_t>(from)] += static_cast<double>(p.dy[static_cast<size_t>(to)]) *
                                             static_cast<double>(p.w[static_cast<size_t>(weight)]);
    });
    PlanRunner plan(k, spec, ConvPass::backward_data);
    ASSERT_EQ(plan.status, Status::ok);
    Elements dx = elements(std::vector<float>(p.x.size(), std::nanf("")));
    ASSERT_EQ(plan.run(dy, plan.weights(w), dx, nullptr), Status::ok);
    expect_near(dx, expected, tolerance(1e-5) * common(expected));
  }
}

TEST_P(ConvTest, BackwardWeightsEqualsTheDefinition) {
  for (const auto& [name, spec] : cases()) {
    SCOPED_TRACE(name);
    const Problem p = problem(spec);
    const Elements x = elements(p.x), w = elements(p.w), dy = elements(p.dy);
    std::vector<double> expected(p.w.size()), expected_bias(p.bias.size());
    for_products(spec, [&](int64_t from, int64_t weight, int64_t to) {
      expected[static_cast<size_t>(weight)] += static_cast<double>(p.dy[static_cast<size_t>(to)]) *
                                               static_cast<double>(p.x[static_cast<size_t>(from)]);
    });
    for (size_t i = 0; i < p.dy.size(); ++i) {
      expected_bias[i % p.bias.size()] += static_cast<double>(p.dy[i]);
    }
    PlanRunner plan(k, spec, ConvPass::backward_weights);
    ASSERT_EQ(plan.status, Status::ok);
    std::vector<float> dw(p.w.size(), 99.0f), db(p.bias.size(), 99.0f);
    ASSERT_EQ(plan.run(x, dy, dw.data(), spec.bias ? db.data() : nullptr), Status::ok);
    expect_near(dw, expected, tolerance(1e-5) * common(expected));
    if (!spec.bias) continue;
    expect_near(db, expected_bias, 1e-4);
    std::vector<float> again(p.w.size());
    ASSERT_EQ(plan.run(x, dy, again.data(), nullptr), Status::ok);
    EXPECT_EQ(again, dw) << "without a place for db";
  }
}

// A verdict on a step needs to see what went wrong in it.
TEST_P(ConvTest, ReluKeepsNotANumber) {
  for (const auto& [name, spec] : cases()) {
    if (spec.activation != Activation::relu || spec.groups > 1) continue;
    SCOPED_TRACE(name);
    Problem p = problem(spec);
    for (float& v : p.w) v = std::nanf("");
    const Elements x = elements(p.x), w = elements(p.w);
    PlanRunner plan(k, spec, ConvPass::forward);
    Elements y = elements(p.dy);
    ASSERT_EQ(plan.run(x, plan.weights(w), p.bias.data(), y), Status::ok);
    for (float v : y.values()) ASSERT_TRUE(std::isnan(v));
  }
}

TEST_P(ConvTest, AnImageHasTheSameResultAloneAndAmongOthers) {
  for (const auto& [name, spec] : cases()) {
    SCOPED_TRACE(name);
    const Problem p = problem(spec);
    const Elements x = elements(p.x), w = elements(p.w), dy = elements(p.dy);
    const float* bias = spec.bias ? p.bias.data() : nullptr;
    PlanRunner all(k, spec, ConvPass::forward);
    Elements y = elements(p.dy);
    ASSERT_EQ(all.run(x, all.weights(w), bias, y), Status::ok);
    Conv2dSpec alone = spec;
    alone.n = 1;
    PlanRunner one(k, alone, ConvPass::forward);
    const auto size = p.dy.size() / static_cast<size_t>(spec.n);
    Elements last = elements(std::vector<float>(size));
    const Elements image = elements({p.x.end() - p.g.x / spec.n, p.x.end()});
    ASSERT_EQ(one.run(image, one.weights(w), bias, last), Status::ok);
    const auto whole = y.values();
    const std::vector<float> want(whole.end() - static_cast<int64_t>(size), whole.end());
    if (on_cpu()) {
      EXPECT_EQ(last.values(), want);
    } else {  // cuDNN chooses an engine by the whole problem
      expect_near(last, want, tolerance(1e-5));
    }
  }
}

TEST_P(ConvTest, NoSamplesGiveZeroGradients) {
  Conv2dSpec spec = cases()[0].spec;
  spec.n = 0;
  PlanRunner forward(k, spec, ConvPass::forward);
  ASSERT_EQ(forward.status, Status::ok);
  EXPECT_EQ(forward.run(nullptr, nullptr, nullptr, nullptr), Status::ok);
  PlanRunner backward(k, spec, ConvPass::backward_weights);
  ASSERT_EQ(backward.status, Status::ok);
  std::vector<float> dw(150, 7.0f), db(6, 7.0f);
  EXPECT_EQ(backward.run(nullptr, nullptr, dw.data(), db.data()), Status::ok);
  EXPECT_EQ(dw, std::vector<float>(150));
  EXPECT_EQ(db, std::vector<float>(6));
}

TEST_P(ConvTest, RefusesWhatIsNotAConvolution) {
  const Conv2dSpec good = cases()[1].spec;
  Conv2dSpec bad = good;
  bad.groups = 4;  // does not divide 6
  EXPECT_EQ(PlanRunner(k, bad, ConvPass::forward).status, Status::invalid);
  bad = good;
  bad.kernel_h = 15;  // larger than the image
  EXPECT_EQ(PlanRunner(k, bad, ConvPass::backward_data).status, Status::invalid);
  bad = good;
  bad.stride_w = 0;
  EXPECT_EQ(PlanRunner(k, bad, ConvPass::backward_weights).status, Status::invalid);
  bad = good;
  bad.activation = Activation::silu;
  EXPECT_EQ(PlanRunner(k, bad, ConvPass::forward).status, Status::unsupported);
}

INSTANTIATE_TEST_SUITE_P(Devices, ConvTest, testing::ValuesIn(devices_with_plans()), device_name);

}  // namespace
}  // namespace trireme::test
