#include "optim/optimizer.h"

#include <gtest/gtest.h>

#include <vector>

#include "base/error.h"

namespace trireme {
namespace {

OptimizerConfig config(const std::string& name) {
  OptimizerConfig c{};
  c.name = name;
  c.lr = 0.1;
  return c;
}

ParamTable table_of(std::vector<std::pair<const char*, int64_t>> sizes) {
  std::vector<Slot> slots;
  for (const auto& [name, count] : sizes) {
    Slot s;
    s.name = name;
    s.logical = s.view = Shape{count};
    s.count = count;
    slots.push_back(s);
  }
  slots[1].decays = false;
  slots[1].lr_scale = 0.5f;
  slots[2].trainable = false;
  slots[3].decay_scale = 3;
  return ParamTable(std::move(slots));
}

// Plain SGD with decay: w -= lr lr_scale (g + decay_scale w); the first moment counts visits, and
// the gradient's first element is of index `begin`.
Status counting_sgd(Stream*, const OptimizerSpec*, const OptimizerScalars* s,
                    const SlotRules* rules, int64_t begin, int64_t n, const float* grad,
                    float* weights, float* state0, float* state1, float*, float* ema,
                    Element* low) noexcept {
  for (int64_t i = 0; i < n; ++i) {
    const SlotBlock block = rules->blocks[(begin + i) / kRuleBlock];
    if ((begin + i) % kRuleBlock >= block.count) continue;
    const auto [lr_scale, decay_scale] = rules->rules[block.rule];
    weights[i] -= s->lr * lr_scale * (grad[i] * s->grad_scale + decay_scale * weights[i]);
    state0[i] += 1;
    if (ema) ema[i] = weights[i];
    if (low) low[i] = weights[i];
  }
  return state1 ? Status::invalid : Status::ok;
}
Status failing(Stream*, const OptimizerSpec*, const OptimizerScalars*, const SlotRules*, int64_t,
               int64_t, const float*, float*, float*, float*, float*, float*, Element*) noexcept {
  return Status::failed;
}

class OptimizerStep : public testing::Test {
 protected:
  OptimizerStep() : table_(table_of({{"a", 100}, {"b", 64}, {"frozen", 10}, {"c", 70}})) {
    kernels_.optimizer_step = counting_sgd;
    const auto n = static_cast<size_t>(table_.size());
    grad_.assign(n, 2.0f);
    weights_.assign(n, 1.0f);
    visits_.assign(n, 0.0f);
    buffers_ = {grad_.data(), weights_.data(), {visits_.data(), nullptr, nullptr}, nullptr};
    scalars_.lr = 0.1f;
    scalars_.grad_scale = 0.5f;
    scalars_.step = 1;
  }
  Status step(Range range, bool decay_all = false) {
    auto c = config("sgd");
    c.decay_all = decay_all;
    const Optimizer optimizer(c);
    const OptimizerRules rules = optimizer.rules(table_);
    return optimizer.step(kernels_, rules.on_host(), range, &scalars_, buffers_, nullptr);
  }
  // Where `visits` differ from one inside trainable slots and zero elsewhere.
  void expect_visited_once(Range range) {
    std::vector<float> expected(visits_.size(), 0.0f);
    for (const Slot& s : table_.slots()) {
      for (int64_t i = s.offset; s.trainable && i < s.offset + s.count; ++i) {
        if (i >= range.begin && i < range.end) expected[static_cast<size_t>(i)] = 1.0f;
      }
    }
    EXPECT_EQ(visits_, expected);
  }
  float weight(const char* slot) {
    return weights_[static_cast<size_t>(table_.find(slot)->offset)];
  }

  ParamTable table_;
  KernelTable kernels_{};
  std::vector<float> grad_, weights_, visits_;
  OptimizerBuffers buffers_;
  OptimizerScalars scalars_{};
};

TEST_F(OptimizerStep, VisitsEachTrainableElementOnceAndLeavesGapsAlone) {
  EXPECT_EQ(step({0, table_.size()}), Status::ok);
  expect_visited_once({0, table_.size()});
}

TEST_F(OptimizerStep, RangesThatCutSlotsCoverTheSameAsOne) {
  for (int64_t at = 0; at < table_.size(); at += 37) {
    EXPECT_EQ(step({at, std::min(at + 37, table_.size())}), Status::ok);
  }
  expect_visited_once({0, table_.size()});
}

TEST_F(OptimizerStep, TouchesNothingOutsideItsRange) {
  EXPECT_EQ(step({99, 130}), Status::ok);
  expect_visited_once({99, 130});
  EXPECT_EQ(step({5, 5}), Status::ok);
  expect_visited_once({99, 130});
}

TEST_F(OptimizerStep, AppliesTheSlotsScalesAndDecayExclusions) {
  EXPECT_EQ(step({0, table_.size()}), Status::ok);
  EXPECT_FLOAT_EQ(weight("a"), 1 - 0.1f * (1 + 1));
  EXPECT_FLOAT_EQ(weight("b"), 1 - 0.1f * 0.5f * 1);
  EXPECT_FLOAT_EQ(weight("frozen"), 1);
  EXPECT_FLOAT_EQ(weight("c"), 1 - 0.1f * (1 + 3));
}

TEST_F(OptimizerStep, DecayAllIncludesBiases) {
  EXPECT_EQ(step({0, table_.size()}, true), Status::ok);
  EXPECT_FLOAT_EQ(weight("b"), 1 - 0.1f * 0.5f * 2);
}

TEST_F(OptimizerStep, PassesTheAverageOfTheSameElements) {
  std::vector<float> ema(weights_.size(), 7.0f);
  buffers_.ema = ema.data();
  EXPECT_EQ(step({0, table_.size()}), Status::ok);
  EXPECT_EQ(ema[99], weights_[99]);
  EXPECT_EQ(ema[100], 7.0f);
}

TEST_F(OptimizerStep, TheLowPrecisionCopyGoesByTheRangeInItsOwnWidth) {
  std::vector<uint16_t> low(weights_.size(), 7);
  static std::ptrdiff_t bytes_in;
  static const void* begin;
  begin = low.data();
  kernels_.element = ElementType::bf16;
  kernels_.optimizer_step = [](Stream*, const OptimizerSpec*, const OptimizerScalars*,
                               const SlotRules*, int64_t, int64_t, const float*, float*, float*,
                               float*, float*, float*, Element* of_range) noexcept {
    bytes_in = reinterpret_cast<const std::byte*>(of_range) - static_cast<const std::byte*>(begin);
    return Status::ok;
  };
  buffers_.low = reinterpret_cast<Element*>(low.data());
  EXPECT_EQ(step({64, 128}), Status::ok);
  EXPECT_EQ(bytes_in, 128);
  buffers_.low = nullptr;
  kernels_.optimizer_step = counting_sgd;
  EXPECT_EQ(step({64, 128}), Status::ok) << "without one";
}

TEST_F(OptimizerStep, ReportsTheKernelsFailure) {
  kernels_.optimizer_step = failing;
  EXPECT_EQ(step({0, table_.size()}), Status::failed);
}

std::vector<std::string> state_of(const OptimizerConfig& c) {
  const Optimizer optimizer(c);
  return {optimizer.state().begin(), optimizer.state().end()};
}

TEST(Optimizer, NamesItsMomentsAsCheckpointsSpellThem) {
  using Names = std::vector<std::string>;
  EXPECT_EQ(state_of(config("sgd")), Names{});
  EXPECT_EQ(state_of(config("adam")), (Names{"exp_avg", "exp_avg_sq"}));
  EXPECT_EQ(state_of(config("adamw")), (Names{"exp_avg", "exp_avg_sq"}));
  EXPECT_EQ(state_of(config("adagrad")), (Names{"sum"}));
  EXPECT_EQ(state_of(config("rmsprop")), (Names{"square_avg"}));
  EXPECT_EQ(state_of(config("ftrl")), (Names{"ftrl_z", "ftrl_n"}));
  auto c = config("rmsprop");
  c.momentum = 0.9;
  c.centered = true;
  EXPECT_EQ(state_of(c), (Names{"square_avg", "momentum_buffer", "grad_avg"}));
  c.name = "sgd";
  EXPECT_EQ(state_of(c), (Names{"momentum_buffer"}));
}

TEST(Optimizer, OnlyAdagradStartsFromAnotherValueThanZero) {
  auto c = config("adagrad");
  c.initial_accumulator = 0.25;
  EXPECT_EQ(Optimizer(c).initial_state(0), 0.25f);
  c.name = "adam";
  EXPECT_EQ(Optimizer(c).initial_state(0), 0.0f);
}

TEST(Optimizer, AnUnknownNameIsRefusedWithTheNearest) {
  try {
    Optimizer(config("adamv"));
    FAIL() << "accepted";
  } catch (const ConfigError& e) {
    EXPECT_STREQ(e.what(), "optimizer.name: unknown optimizer 'adamv'");
    EXPECT_NE(e.hint().find("did you mean 'adam"), std::string::npos);
  }
}

TEST(Optimizer, NesterovWithoutMomentumIsRefused) {
  auto c = config("sgd");
  c.nesterov = true;
  EXPECT_THROW(Optimizer{c}, ConfigError);
  c.momentum = 0.9;
  EXPECT_NO_THROW(Optimizer{c});
}

}  // namespace
}  // namespace trireme
