#include "kernels/recorded.h"
#include "kernels/support.h"

namespace trireme::test {
namespace {

class OptimizerTest : public KernelTest {
 protected:  // what a device reads is made by the test
  const SlotRule ones{1, 1};
  const SlotRules plain{nullptr, &ones, 1};
};

struct Variant {
  const char* name;
  float lr;
  OptimizerSpec spec;
};

OptimizerSpec spec_of(OptimizerKind kind) {
  OptimizerSpec s{};
  s.kind = kind;
  s.beta1 = 0.9f;
  s.beta2 = 0.999f;
  s.epsilon = kind == OptimizerKind::adagrad ? 1e-10f : 1e-8f;
  s.rho = 0.9f;
  s.l1 = 0.3f;
  s.l2 = 0.1f;
  s.beta = 0.5f;
  return s;
}

std::vector<Variant> variants() {
  using enum OptimizerKind;
  std::vector<Variant> all{{"sgd", 0.1f, spec_of(sgd)},
                           {"sgd_decay", 0.1f, spec_of(sgd)},
                           {"sgd_momentum", 0.1f, spec_of(sgd)},
                           {"sgd_nesterov", 0.1f, spec_of(sgd)},
                           {"adam", 0.05f, spec_of(adam)},
                           {"adamw", 0.05f, spec_of(adamw)},
                           {"adagrad", 0.1f, spec_of(adagrad)},
                           {"rmsprop", 0.02f, spec_of(rmsprop)},
                           {"rmsprop_centered", 0.02f, spec_of(rmsprop)},
                           {"rmsprop_momentum", 0.02f, spec_of(rmsprop)},
                           {"rmsprop_both", 0.02f, spec_of(rmsprop)},
                           {"ftrl", 0.1f, spec_of(ftrl)}};
  all[1].spec.weight_decay = all[3].spec.weight_decay = 0.01f;
  all[2].spec.momentum = all[3].spec.momentum = 0.9f;
  all[2].spec.dampening = 0.3f;
  all[3].spec.nesterov = 1;
  all[4].spec.weight_decay = 0.02f;
  all[5].spec.weight_decay = 0.1f;
  all[6].spec.weight_decay = all[9].spec.weight_decay = 0.01f;
  all[6].spec.lr_decay = 0.2f;
  all[6].spec.initial_accumulator = 0.3f;
  all[8].spec.centered = all[10].spec.centered = 1;
  all[9].spec.momentum = all[10].spec.momentum = 0.8f;
  return all;
}

struct State {
  explicit State(const OptimizerSpec& spec, std::vector<float> weights)
      : w(std::move(weights)),
        s0(w.size(), spec.initial_accumulator),
        s1(w.size()),
        s2(w.size()),
        ema(w) {}
  friend bool operator==(const State&, const State&) = default;
  std::vector<float> w, s0, s1, s2, ema;
};

TEST_P(OptimizerTest, FiveStepsEqualPyTorchForEveryVariant) {
  const auto& grads = recorded("optimizer.grads");
  const SlotRule rule{0.5f, 1};
  const SlotRules half{nullptr, &rule, 1};
  for (const auto& [name, lr, spec] : variants()) {
    if (spec.kind == OptimizerKind::ftrl) continue;  // PyTorch has none
    SCOPED_TRACE(name);
    State s(spec, recorded("optimizer.w0"));
    std::vector<double> ema(s.w.begin(), s.w.end());
    for (int64_t step = 1; step <= 5; ++step) {
      // The gradient arrives as a sum over 4 samples, the rate halved by the slot's scale.
      std::vector<float> sum(grads.begin() + (step - 1) * 7, grads.begin() + step * 7);
      for (float& g : sum) g *= 4;
      const OptimizerScalars scalars{2 * lr, 0.25f, 0, 0.75f, step, 0, 0};
      ASSERT_EQ(k.optimizer_step(nullptr, &spec, &scalars, &half, 0, 7, sum.data(), s.w.data(),
                                 s.s0.data(), s.s1.data(), s.s2.data(), s.ema.data(), nullptr),
                Status::ok);
      for (size_t i = 0; i < ema.size(); ++i) {
        ema[i] += 0.25 * (static_cast<double>(s.w[i]) - ema[i]);
      }
    }
    expect_near(s.w, recorded(std::string("optimizer.") + name), 1e-6);
    expect_near(s.ema, ema, 1e-6, "average");
  }
}

// Algorithm 1 of McMahan et al. (KDD 2013) as the paper writes it: w is computed from z and n when
// it is needed.
struct PaperFtrl {
  double alpha, beta, l1, l2, z = 0, n = 0;
  double weight() const {
    if (std::abs(z) <= l1) return 0;
    return -(z - (z > 0 ? l1 : -l1)) / ((beta + std::sqrt(n)) / alpha + l2);
  }
  void step(double g) {
    const double sigma = (std::sqrt(n + g * g) - std::sqrt(n)) / alpha, w = weight();
    z += g - sigma * w;
    n += g * g;
  }
};

TEST_P(OptimizerTest, FtrlFollowsThePaperInDoublePrecision) {
  const OptimizerSpec spec = spec_of(OptimizerKind::ftrl);
  const int64_t n = 203, steps = 60;
  const SlotRule rule{0.5f, 8};  // of the learning rate, of l1 and l2
  const SlotRules rules{nullptr, &rule, 1};
  State s(spec, std::vector<float>(n));
  std::vector<PaperFtrl> paper(n, {0.1, 0.5, 8 * double{spec.l1}, 8 * double{spec.l2}});
  const auto noise = random(n * steps, 3);
  for (int64_t step = 1; step <= steps; ++step) {
    std::vector<float> grad(noise.begin() + (step - 1) * n, noise.begin() + step * n);
    for (size_t i = 0; i < grad.size(); ++i) {
      // Sparse, and around a mean of its own: some weights come to stay at 0, others do not.
      grad[i] = (i + static_cast<size_t>(step)) % 3 == 0 ? 0 : grad[i] + (i % 5 == 0 ? 0.2f : 0);
      paper[i].step(double{grad[i]});
    }
    const OptimizerScalars scalars{0.2f, 1, 0, 0, step, 0, 0};
    ASSERT_EQ(k.optimizer_step(nullptr, &spec, &scalars, &rules, 0, n, grad.data(), s.w.data(),
                               s.s0.data(), s.s1.data(), nullptr, nullptr, nullptr),
              Status::ok);
    std::vector<double> w, z, squares;
    for (const PaperFtrl& p : paper) {
      w.push_back(p.weight());
      z.push_back(p.z);
      squares.push_back(p.n);
    }
    expect_near(s.w, w, 1e-5, "w");
    expect_near(s.s0, z, 1e-4, "z");
    expect_near(s.s1, squares, 1e-5, "n");
  }
  const auto zeros = std::count(s.w.begin(), s.w.end(), 0.0f);
  EXPECT_GT(zeros, 20);
  EXPECT_LT(zeros, 180);
}

TEST_P(OptimizerTest, FtrlKeepsItsFirstWeightsUntilGradientsMoveThem) {
  OptimizerSpec spec = spec_of(OptimizerKind::ftrl);
  const OptimizerScalars scalars{0.1f, 1, 0, 0, 7, 0, 0};
  const float grad[] = {0, 0, 1e-6f, 1e-6f, 1e-30f};
  float w[] = {0.7f, -0.2f, 0.7f, -0.2f, 0.7f};
  State s(spec, std::vector<float>(5));
  k.optimizer_step(nullptr, &spec, &scalars, &plain, 0, 5, grad, w, s.s0.data(), s.s1.data(),
                   nullptr, nullptr, nullptr);
  EXPECT_EQ(w[0], 0.7f);
  EXPECT_EQ(w[1], -0.2f);
  EXPECT_EQ(s.s0[0], 0);
  EXPECT_EQ(s.s1[0], 0);
  EXPECT_NEAR(w[2], 0.7f, 1e-6f);
  EXPECT_NEAR(w[3], -0.2f, 1e-6f);
  EXPECT_EQ(w[4], 0.7f);  // its square is 0
  const float held = w[2];
  const OptimizerScalars still{0, 1, 0, 0, 8, 0, 0};  // a warm-up that starts from 0
  k.optimizer_step(nullptr, &spec, &still, &plain, 2, 1, grad + 2, w + 2, s.s0.data() + 2,
                   s.s1.data() + 2, nullptr, nullptr, nullptr);
  EXPECT_EQ(w[2], held);
}

TEST_P(OptimizerTest, AStepDoesNotDependOnHowTheRangeIsCut) {
  const int64_t n = 5003;
  const auto grad = random(n, 1);
  for (const auto& [name, lr, spec] : variants()) {
    State whole(spec, random(n, 2)), parts = whole;
    const OptimizerScalars scalars{lr, 0.5f, 0.3f, 0.9f, 3, 0, 0};
    const auto step = [&](State& s, int64_t from, int64_t to) {
      ASSERT_EQ(
          k.optimizer_step(nullptr, &spec, &scalars, &plain, from, to - from, grad.data() + from,
                           s.w.data() + from, s.s0.data() + from, s.s1.data() + from,
                           s.s2.data() + from, s.ema.data() + from, nullptr),
          Status::ok);
    };
    step(whole, 0, n);
    step(parts, 0, 1);
    step(parts, 1, 2500);
    step(parts, 2500, n);
    EXPECT_EQ(whole.w, parts.w) << name;
    EXPECT_EQ(whole.s0, parts.s0) << name;
    EXPECT_EQ(whole.ema, parts.ema) << name;
  }
}

// The bits are those of a call for each block, however the range is cut and wherever its buffers
// begin.
TEST_P(OptimizerTest, EveryElementObeysItsBlocksRuleAndTheRestStaysAsItIs) {
  const std::vector<SlotRule> factors{{1, 1}, {0.5f, 0}, {0.1f, 3}};
  const std::vector<SlotBlock> blocks{{0, 64}, {0, 64}, {1, 64}, {0, 0},  {2, 10},
                                      {1, 3},  {1, 64}, {2, 64}, {2, 64}, {0, 1}};
  const SlotRules rules{blocks.data(), factors.data(), static_cast<int64_t>(factors.size())};
  const int64_t n = static_cast<int64_t>(blocks.size()) * kRuleBlock;
  const auto grad = random(n, 1);
  for (const auto& [name, lr, spec] : variants()) {
    const OptimizerScalars scalars{lr, 0.5f, 0.3f, 0.9f, 3, 0, 0};
    const auto step = [&](State& s, const SlotRules& r, int64_t from, int64_t to) {
      ASSERT_EQ(k.optimizer_step(nullptr, &spec, &scalars, &r, from, to - from, grad.data() + from,
                                 s.w.data() + from, s.s0.data() + from, s.s1.data() + from,
                                 s.s2.data() + from, s.ema.data() + from, nullptr),
                Status::ok);
    };
    const State before(spec, random(n, 2));
    State want = before;
    for (size_t b = 0; b < blocks.size(); ++b) {
      const SlotRules one{nullptr, &factors[blocks[b].rule], 1};
      const int64_t from = static_cast<int64_t>(b) * kRuleBlock;
      step(want, one, from, from + blocks[b].count);
    }
    for (const std::vector<int64_t>& cuts :
         std::vector<std::vector<int64_t>>{{0, n}, {0, 100, 103, 257, 300, 301, n}}) {
      State s = before;
      for (size_t c = 1; c < cuts.size(); ++c) step(s, rules, cuts[c - 1], cuts[c]);
      EXPECT_TRUE(s == want) << name << ", " << cuts.size() - 1 << " ranges";
    }
  }
}

TEST_P(OptimizerTest, RulesGoByTheIndexSpaceNotByWhereTheBuffersBegin) {
  const SlotRule factors[] = {{1, 1}, {2, 1}};
  const SlotBlock blocks[] = {{0, 63}, {1, 64}};
  const SlotRules rules{blocks, factors, 2};
  const OptimizerSpec spec = spec_of(OptimizerKind::sgd);
  const OptimizerScalars scalars{1, 1, 0, 0, 1, 0, 0};
  alignas(64) const float grad[] = {1, 1, 1, 1, 1};
  alignas(64) float w[] = {0, 0, 0, 0, 0};
  k.optimizer_step(nullptr, &spec, &scalars, &rules, 62, 5, grad, w, nullptr, nullptr, nullptr,
                   nullptr, nullptr);
  EXPECT_EQ(std::vector<float>(w, w + 5), (std::vector<float>{-1, 0, -2, -2, -2}));
}

TEST_P(OptimizerTest, ThereMayBe256RulesAndThereMustBeOne) {
  std::vector<SlotRule> factors;
  std::vector<SlotBlock> blocks;
  for (int r = 0; r < kMostRules; ++r) {
    factors.push_back({static_cast<float>(r), 0});
    blocks.push_back({static_cast<uint8_t>(kMostRules - 1 - r), 64});
  }
  SlotRules rules{blocks.data(), factors.data(), kMostRules};
  const OptimizerSpec spec = spec_of(OptimizerKind::sgd);
  const OptimizerScalars scalars{1, 1, 0, 0, 1, 0, 0};
  const int64_t n = kMostRules * kRuleBlock;
  const std::vector<float> grad(static_cast<size_t>(n), -1.0f);
  std::vector<float> w(grad.size());
  const auto step = [&] {
    return k.optimizer_step(nullptr, &spec, &scalars, &rules, 0, n, grad.data(), w.data(), nullptr,
                            nullptr, nullptr, nullptr, nullptr);
  };
  EXPECT_EQ(step(), Status::ok);
  for (size_t i = 0; i < w.size(); ++i)
    ASSERT_EQ(w[i], static_cast<float>(kMostRules - 1) - static_cast<float>(i / kRuleBlock)) << i;
  for (const int64_t count : {int64_t{0}, kMostRules + 1}) {
    rules.count = count;
    EXPECT_EQ(step(), Status::invalid) << count;
  }
}

TEST_P(OptimizerTest, ClippingByValueActsOnTheScaledGradient) {
  const OptimizerSpec spec = spec_of(OptimizerKind::sgd);
  const OptimizerScalars scalars{1, 0.5f, 0.25f, 0, 1, 0, 0};
  const float grad[] = {10, -10, 0.2f, NAN};
  float w[] = {0, 0, 0, 0};
  k.optimizer_step(nullptr, &spec, &scalars, &plain, 0, 4, grad, w, nullptr, nullptr, nullptr,
                   nullptr, nullptr);
  EXPECT_EQ(w[0], -0.25f);
  EXPECT_EQ(w[1], 0.25f);
  EXPECT_EQ(w[2], -0.1f);
  EXPECT_TRUE(std::isnan(w[3]));
}

TEST_P(OptimizerTest, ASkippedStepLeavesEveryBufferAsItIs) {
  const auto grad = random(1000, 1);
  for (const auto& [name, lr, spec] : variants()) {
    const State before(spec, random(1000, 2));
    State s = before;
    for (const int64_t step : {0, 3}) {
      const OptimizerScalars scalars{lr, NAN, 0.3f, 0.9f, step, 1, 0};
      EXPECT_EQ(k.optimizer_step(nullptr, &spec, &scalars, &plain, 0, 1000, grad.data(), s.w.data(),
                                 s.s0.data(), s.s1.data(), s.s2.data(), s.ema.data(), nullptr),
                Status::ok);
    }
    EXPECT_TRUE(s == before) << name;
  }
}

TEST_P(OptimizerTest, TheLowPrecisionCopyIsTheNewWeightsRounded) {
  const std::vector<SlotRule> factors{{1, 1}, {0.5f, 1}};
  const std::vector<SlotBlock> blocks{{0, 64}, {1, 30}, {1, 64}, {0, 11}};
  const SlotRules rules{blocks.data(), factors.data(), 2};
  const auto grad = random(203, 1);
  for (const auto& [name, lr, spec] : variants()) {
    for (const size_t shift : {0, 3}) {  // of where the copy begins: not where a vector does
      OptimizerScalars scalars{lr, 1, 0, 0, 2, 0, 0};
      State s(spec, random(203, 2));
      Elements low = elements(std::vector<float>(208, 9.0f));
      const auto step = [&] {
        ASSERT_EQ(
            k.optimizer_step(nullptr, &spec, &scalars, &rules, 0, 203, grad.data(), s.w.data(),
                             s.s0.data(), s.s1.data(), s.s2.data(), nullptr, low.at(shift)),
            Status::ok);
      };
      step();
      for (size_t i = 0; i < s.w.size(); ++i) {
        const bool covered = static_cast<int64_t>(i) % kRuleBlock < blocks[i / kRuleBlock].count;
        ASSERT_EQ(low[i + shift], covered ? test::rounded(format_of(k.element), s.w[i]) : 9.0f)
            << name << " " << i;
      }
      const auto before = low.values();
      scalars.skip = 1;
      step();
      EXPECT_EQ(low.values(), before) << name << ", skipped";
    }
  }
}

TEST_P(OptimizerTest, MissingStateAndStepZeroAreRefused) {
  float v = 1;
  OptimizerScalars scalars{1, 1, 0, 0, 1, 0, 0};
  for (const auto& [name, lr, spec] : variants()) {
    const bool stateless = spec.kind == OptimizerKind::sgd && spec.momentum == 0;
    EXPECT_EQ(k.optimizer_step(nullptr, &spec, &scalars, &plain, 0, 1, &v, &v, nullptr, nullptr,
                               nullptr, nullptr, nullptr),
              stateless ? Status::ok : Status::invalid)
        << name;
  }
  scalars.step = 0;
  const OptimizerSpec spec = spec_of(OptimizerKind::sgd);
  EXPECT_EQ(k.optimizer_step(nullptr, &spec, &scalars, &plain, 0, 1, &v, &v, nullptr, nullptr,
                             nullptr, nullptr, nullptr),
            on_cpu() ? Status::invalid : Status::ok);
  EXPECT_EQ(std::isnan(v), !on_cpu());
}

INSTANTIATE_TEST_SUITE_P(Devices, OptimizerTest, testing::ValuesIn(devices()), device_name);

}  // namespace
}  // namespace trireme::test
