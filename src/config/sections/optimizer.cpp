#include "config/sections/sections.h"

namespace trireme::config {

namespace {

void read_moments(Section& s, OptimizerConfig& c) {
  constexpr Limits kDecay{0, 0.999999999};
  s.only_for("name", {"sgd", "rmsprop"});
  c.momentum = s.number("momentum", 0, kDecay, "", "weight of the previous step; 0: none");
  s.only_for("name", {"sgd"});
  c.dampening =
      s.number("dampening", 0, {0, 1}, "", "the gradient enters the momentum times 1 - this");
  c.nesterov = s.boolean("nesterov", false, "Nesterov's momentum");
  s.only_for("name", {"adam", "adamw"});
  c.beta1 = s.number("beta1", 0.9, kDecay, "", "decay of the gradient's average");
  c.beta2 = s.number("beta2", 0.999, kDecay, "", "decay of the squared gradient's average");
  s.only_for("name", {"adam", "adamw", "adagrad", "rmsprop"});
  c.epsilon = s.number("epsilon", {1e-8, {{"adagrad", 1e-10}}}, {0, 1}, "", "added to the divisor");
  s.only_for("name", {"rmsprop"});
  c.rho = s.number("rho", 0.99, kDecay, "", "decay of the squared gradient's average");
  c.centered = s.boolean("centered", false, "divide by the deviation, not by the root mean square");
  s.only_for("name", {"adagrad"});
  c.lr_decay = s.number("lr_decay", 0, {0, 1e6}, "per step", "lr / (1 + steps * this)");
  c.initial_accumulator = s.number("initial_accumulator", 0, {0, 1e12}, "",
                                   "where the sum of squared gradients starts");
  c.rowwise = s.boolean("rowwise", false,
                        "one sum for each row of an embedding table, of its mean squared gradient");
  s.only_for("name", {"ftrl"});
  c.l1 = s.number("l1", 0, {0, 1e6}, "", "keeps weights at 0 that gain less than this");
  c.l2 = s.number("l2", 0, {0, 1e6}, "", "pulls weights towards 0");
  c.beta = s.number("beta", 1, {0, 1e6}, "", "the rate is lr / (beta + root of squared gradients)");
  s.for_all();
}

void check(Section& s, const OptimizerConfig& c) {
  if (!c.nesterov) return;
  if (c.momentum <= 0) {
    s.fail("nesterov", "needs optimizer.momentum > 0, which is " + number_text(c.momentum));
  }
  if (c.dampening > 0) {
    s.fail("nesterov", "needs optimizer.dampening = 0, which is " + number_text(c.dampening) +
                           " (" + s.place("dampening").str() + ")");
  }
}

}  // namespace

OptimizerConfig read_optimizer(Section& s) {
  OptimizerConfig c;
  c.name = s.choice("name", "sgd", {"sgd", "adam", "adamw", "adagrad", "rmsprop", "ftrl"},
                    "the method, as torch.optim defines it; ftrl: FTRL-proximal");
  c.lr = s.number("lr", {0.01, {{"adam", 0.001}, {"adamw", 0.001}, {"ftrl", 0.1}}}, {0, 1e6}, "",
                  "learning rate before the schedule");
  read_moments(s, c);
  s.only_for("name", {"sgd", "adam", "adamw", "adagrad", "rmsprop"});
  c.weight_decay = s.number("weight_decay", {0, {{"adamw", 0.01}}}, {0, 1e6}, "",
                            "L2 term in the gradient; adamw: decoupled from it");
  s.for_all();
  c.decay_all = s.boolean("decay_all", false,
                          "also decay biases and normalisation parameters; ftrl: l1 and l2");
  c.lr_scale = s.slot_rules("lr_scale", "PATTERN:FACTOR of parameters with another learning rate");
  c.decay_scale = s.slot_rules("decay_scale", "PATTERN:FACTOR of parameters with another decay");
  check(s, c);
  return c;
}

}  // namespace trireme::config
