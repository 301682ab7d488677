#include <algorithm>

#include "config/sections/sections.h"

namespace trireme::config {

namespace {

void check(Section& s, const ScheduleConfig& c) {
  if (c.name == "step" && c.step_size <= 0 && !s.given("step_size")) {
    s.fail("step_size", "missing (schedule.name = step)");
  }
  if (c.name == "multi_step" && c.milestones.empty() && !s.given("milestones")) {
    s.fail("milestones", "missing (schedule.name = multi_step)");
  }
  if (!std::is_sorted(c.milestones.begin(), c.milestones.end())) {
    s.fail("milestones", "not in ascending order");
  }
}

}  // namespace

ScheduleConfig read_schedule(Section& s) {
  ScheduleConfig c;
  c.name = s.choice("name", "constant",
                    {"constant", "step", "multi_step", "exponential", "polynomial", "cosine"},
                    "how the learning rate changes over the run");
  c.unit = s.choice("unit", "epochs", {"epochs", "steps"}, "what the lengths below count");
  c.warmup = s.number("warmup", 0, {0, 1e12}, "units", "length of the linear warm-up; 0: none");
  c.warmup_start = s.number("warmup_start", 0, {0, 1}, "of lr", "where the warm-up starts");
  s.only_for("name", {"step"});
  c.step_size =
      s.number("step_size", 0, {1e-9, 1e12}, "units", "lr is multiplied by gamma this often");
  s.only_for("name", {"step", "multi_step", "exponential"});
  c.gamma = s.number("gamma", {0.1, {{"exponential", 0.95}}}, {0, 1e3}, "",
                     "factor of each step; exponential: of each unit");
  s.only_for("name", {"multi_step"});
  c.milestones =
      s.numbers("milestones", {0, 1e12}, "units", "when lr is multiplied by gamma, ascending");
  s.only_for("name", {"polynomial"});
  c.power = s.number("power", 1, {0, 1e3}, "", "exponent of the decay");
  s.only_for("name", {"polynomial", "cosine"});
  c.end_factor = s.number("end_factor", 0, {0, 1}, "of lr", "where the schedule ends");
  c.total = s.number("total", 0, {0, 1e12}, "units", "length of the schedule; 0: the run's length");
  check(s, c);
  return c;
}

}  // namespace trireme::config
