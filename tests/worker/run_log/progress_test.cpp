#include "worker/run_log/progress.h"

#include <gmock/gmock.h>

#include <cmath>

#include "worker/run_log/numbers.h"

namespace trireme {
namespace {

using std::chrono::milliseconds;
using testing::HasSubstr;
using testing::Not;

struct Screen {
  std::vector<std::string> drawn, lines;
  Progress::Output output() {
    return {[this](std::string_view s) { drawn.emplace_back(s); },
            [this](std::string_view s) { lines.emplace_back(s); }};
  }
};

StepRecord step(int64_t number) {
  StepRecord r;
  r.step = number;
  r.epoch = static_cast<double>(number) / 100;
  r.samples = number * 64;
  r.loss = 0.5;
  r.accuracy = 0.971;
  r.elapsed = static_cast<double>(number) * 0.01;
  return r;
}

TEST(ProgressText, ShowsABarOfTheEpoch) {
  EXPECT_EQ(progress_text({253, 1000, 2.53, 0.1234, 0.971, 12345, 12}, true),
            "epoch 3/10  [##########----------]  53%  loss 0.1234  acc 97.1%  12,345 samples/s  "
            "eta 0:12");
}

TEST(ProgressText, ShowsStepsWhereThereIsNoBar) {
  EXPECT_EQ(progress_text({253, 1000, 2.53, 0.1234, -1, 345, NAN}, false),
            "epoch 3/10  step 253/1000  loss 0.1234  345 samples/s  eta -");
}

TEST(ProgressText, CountsTheEndOfAnEpochAsPartOfIt) {
  EXPECT_THAT(progress_text({300, 1000, 3.0, 1, -1, 1, 1}, true),
              HasSubstr("epoch 3/10  [####################] 100%"));
  EXPECT_THAT(progress_text({0, 1000, 0, 1, -1, 1, 1}, true),
              HasSubstr("epoch 1  [--------------------]   0%"));
}

TEST(EvaluationText, NamesEpochStepAndValues) {
  EvaluationRecord r;
  r.step = 420;
  r.epoch = 3;
  r.values = {{"loss", 0.0712}, {"accuracy", 0.9812}, {"f1/cat", 0.9}};
  EXPECT_EQ(evaluation_text(r), "epoch 3  step 420  validation loss 0.0712  accuracy 98.12%");
}

TEST(Progress, DrawsAtMostTenTimesASecondOnATerminal) {
  Screen screen;
  const Clock::time_point start{};
  Progress progress({.bar = true, .interval = 10, .total_steps = 1000}, screen.output(), start);
  for (int64_t n = 1; n <= 100; ++n)
    progress.step(step(n), start + milliseconds(10 * n));  // one second
  EXPECT_EQ(screen.drawn.size(), 10u);
  EXPECT_TRUE(screen.lines.empty());
  EXPECT_THAT(screen.drawn.back(), HasSubstr("loss 0.5000  acc 97.1%"));
  EXPECT_TRUE(screen.drawn.back().ends_with('\r'));
}

TEST(Progress, CutsTheBarToTheTerminal) {
  Screen screen;
  const Clock::time_point start{};
  Progress progress({.bar = true, .interval = 10, .total_steps = 1000, .columns = 20},
                    screen.output(), start);
  progress.step(step(5), start + milliseconds(200));
  EXPECT_EQ(screen.drawn.at(0), "epoch 1/10  [#-----\x1b[K\r" + std::string());
}

TEST(Progress, WritesOneWholeLineAnIntervalIntoALog) {
  Screen screen;
  const Clock::time_point start{};
  Progress progress({.interval = 2, .total_steps = 1000}, screen.output(), start);
  for (int64_t n = 1; n <= 1000; ++n)
    progress.step(step(n), start + milliseconds(10 * n));  // ten seconds
  EXPECT_EQ(screen.lines.size(), 5u);
  EXPECT_TRUE(screen.drawn.empty());
  EXPECT_EQ(screen.lines[0],
            "epoch 2/10  step 200/1000  loss 0.5000  acc 97.1%  6,400 samples/s  eta 0:08");
  for (const std::string& line : screen.lines) EXPECT_THAT(line, Not(HasSubstr("\r")));
}

TEST(Progress, EstimatesTheRemainingTimeFromThisStartAlone) {
  Screen screen;
  const Clock::time_point start{};
  Progress progress({.interval = 1, .total_steps = 1000, .first_step = 900}, screen.output(),
                    start);
  progress.step(step(910), start + milliseconds(1000));  // ten steps a second, ninety left
  EXPECT_THAT(screen.lines.at(0), HasSubstr("eta 0:09"));
}

TEST(Progress, SmoothsTheLossAndRecoversFromNan) {
  Screen screen;
  const Clock::time_point start{};
  Progress progress({.interval = 1, .total_steps = 1000}, screen.output(), start);
  StepRecord r = step(1);
  r.loss = 1;
  progress.step(r, start);
  r = step(2);
  r.loss = 2;
  progress.step(r, start + milliseconds(1000));
  EXPECT_THAT(screen.lines.at(0), HasSubstr("loss 1.0200"));
  r = step(3);
  r.loss = NAN;
  progress.step(r, start + milliseconds(1500));
  r.loss = 3;
  progress.step(r, start + milliseconds(2000));
  EXPECT_THAT(screen.lines.at(1), HasSubstr("loss 3.0000"));
}

TEST(Progress, RemovesTheBarBeforeALineThatStays) {
  Screen screen;
  const Clock::time_point start{};
  Progress progress({.bar = true, .total_steps = 1000}, screen.output(), start);
  progress.lasting("first");
  EXPECT_TRUE(screen.drawn.empty());
  progress.step(step(1), start + milliseconds(200));
  progress.lasting("second");
  EXPECT_EQ(screen.drawn.back(), "\r\x1b[K");
  EXPECT_THAT(screen.lines, testing::ElementsAre("first", "second"));
}

TEST(SmoothedRate, IsExactForASteadyRateAndFollowsAChange) {
  SmoothedRate rate(5);
  EXPECT_EQ(rate.value(), 0);
  for (int i = 0; i < 100; ++i) rate.add(200, 0.1);
  EXPECT_NEAR(rate.value(), 2000, 1e-9);
  for (int i = 0; i < 50; ++i)
    rate.add(100, 0.1);  // five seconds at half the rate: 1/e of the old is left
  EXPECT_NEAR(rate.value(), 1000 + 1000 * std::exp(-1.0), 70);
}

TEST(Numbers, ReadAsPeopleWriteThem) {
  EXPECT_EQ(with_commas(0), "0");
  EXPECT_EQ(with_commas(999), "999");
  EXPECT_EQ(with_commas(1234567), "1,234,567");
  EXPECT_EQ(with_commas(-1234), "-1,234");
  EXPECT_EQ(with_commas(-123), "-123");
  EXPECT_EQ(short_duration(12), "0:12");
  EXPECT_EQ(short_duration(3723), "1:02:03");
  EXPECT_EQ(short_duration(NAN), "-");
  EXPECT_EQ(long_duration(0.84), "0.8 s");
  EXPECT_EQ(long_duration(187), "3 min 7 s");
  EXPECT_EQ(long_duration(3725), "1 h 2 min");
  EXPECT_EQ(metric_text("accuracy", 0.98765), "98.77%");
  EXPECT_EQ(metric_text("loss", 0.98765), "0.9877");
  EXPECT_EQ(metric_text("mse", 1e-7), "1e-07");
  EXPECT_EQ(metric_text("loss", NAN), "NaN");
  EXPECT_EQ(metric_text("loss", -INFINITY), "-Inf");
}

}  // namespace
}  // namespace trireme
