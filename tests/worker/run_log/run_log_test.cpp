#include "worker/run_log.h"

#include <gmock/gmock.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/log.h"
#include "base/text.h"
#include "checkpoint/fixture.h"

namespace trireme {
namespace {

using testing::HasSubstr;
using testing::Not;

class RunLogTest : public FolderTest {
 protected:
  static void SetUpTestSuite() {
    LogOptions options;
    options.quiet = true;
    init_log(options);
  }
  static void TearDownTestSuite() { init_log({}); }

  RunLogTest() {
    experiment.run.name = "little";
    experiment.run.log_interval = 1000;
    experiment.run.progress = false;
  }

  static StepRecord step(int64_t number) {
    StepRecord r;
    r.step = number;
    r.epoch = static_cast<double>(number) / 5;
    r.samples = number * 8;
    r.loss = 1.0 / static_cast<double>(number);
    r.elapsed = static_cast<double>(number) * 0.5;
    r.phases.compute = static_cast<double>(number) * 0.25;
    r.phases.optimizer = static_cast<double>(number) * 0.125;
    r.phases.exchange_wait = static_cast<double>(number) * 0.004;
    return r;
  }

  static RunSummary with_status(const std::string& status) {
    RunSummary summary;
    summary.status = status;
    return summary;
  }

  static EvaluationRecord evaluation(int64_t number) {
    return {number,
            static_cast<double>(number) / 5,
            static_cast<double>(number) * 0.5,
            {{"loss", 0.5}, {"accuracy", 0.75}},
            {{3, 1}, {0, 4}},
            {"cat", "dog"}};
  }

  std::vector<nlohmann::json> lines(const std::string& kind) const {
    std::vector<nlohmann::json> found;
    for (const std::string& line : split(read_text(folder / "metrics.jsonl"), '\n')) {
      if (line.empty()) continue;
      const auto json = nlohmann::json::parse(line);
      if (json["kind"] == kind) found.push_back(json);
    }
    return found;
  }

  Experiment experiment{};
};

TEST_F(RunLogTest, WritesEveryStepOfAShortRun) {
  RunLog log(folder, experiment, 10, 0);
  for (int64_t n = 1; n <= 10; ++n) log.step(step(n));
  log.finish(with_status("finished"));
  const auto steps = lines("step");
  ASSERT_EQ(steps.size(), 10u);
  EXPECT_EQ(steps[3]["step"], 4);
  EXPECT_EQ(steps[3]["train/loss"], 0.25);
  EXPECT_EQ(steps[0]["train/samples_per_second"], 16);
  EXPECT_EQ(steps[9]["time/compute"], 2.5);
  EXPECT_EQ(steps[9]["time/optimizer"], 1.25);
  EXPECT_NEAR(steps[9]["exchange/wait_ms"].get<double>(), 4, 1e-9);
  EXPECT_EQ(lines("finish").at(0)["status"], "finished");
}

TEST_F(RunLogTest, KeepsToSomeThousandRecordsAndTheLastStep) {
  RunLog log(folder, experiment, 100001, 0);
  for (int64_t n = 1; n <= 90010; ++n) log.step(step(n));
  log.finish(with_status("stopped early"));
  const auto steps = lines("step");
  EXPECT_LT(steps.size(), 4000u);
  EXPECT_GT(steps.size(), 3000u);
  EXPECT_EQ(steps.back()["step"], 90010);
}

TEST_F(RunLogTest, LeavesEvaluationsAndCheckpointsOutOfTheThroughput) {
  RunLog log(folder, experiment, 2, 0);
  log.step(step(1));
  StepRecord second = step(2);
  second.elapsed += 3;
  second.phases.evaluation = 2;
  second.phases.checkpoint = 1;
  log.step(second);
  log.finish(with_status("finished"));
  EXPECT_EQ(lines("step").at(1)["train/samples_per_second"], 16);
}

TEST_F(RunLogTest, AnEvaluationIsOnDiskAtOnceWithAReport) {
  RunLog log(folder, experiment, 10, 0);
  log.step(step(1));
  log.evaluation(evaluation(1));
  EXPECT_EQ(lines("evaluation").at(0)["validation/accuracy"], 0.75);
  EXPECT_THAT(read_text(folder / "report.html"), HasSubstr(">running<"));
  log.finish(with_status("finished"));
  EXPECT_THAT(read_text(folder / "report.html"), HasSubstr(">finished<"));
}

TEST_F(RunLogTest, ANoteCarriesItsStep) {
  RunLog log(folder, experiment, 10, 0);
  log.step(step(3));
  log.note("learning rate dropped");
  const auto note = lines("note").at(0);
  EXPECT_EQ(note["step"], 3);
  EXPECT_EQ(note["text"], "learning rate dropped");
  log.finish(with_status("finished"));
}

TEST_F(RunLogTest, ARunThatEndsByAnErrorLeavesAReportThatSaysSo) {
  {
    RunLog log(folder, experiment, 10, 0);
    log.step(step(1));
  }
  EXPECT_EQ(lines("step").size(), 1u);
  EXPECT_THAT(read_text(folder / "report.html"), HasSubstr(">failed<"));
}

TEST_F(RunLogTest, AResumedRunContinuesWhereItsCheckpointWas) {
  {
    RunLog log(folder, experiment, 10, 0);
    for (int64_t n = 1; n <= 6; ++n) log.step(step(n));
    log.evaluation(evaluation(6));
  }
  {
    RunLog log(folder, experiment, 10, 5);
    for (int64_t n = 6; n <= 10; ++n) {
      StepRecord r = step(n);
      r.phases.compute = static_cast<double>(n - 5) * 0.25;  // of this part alone
      log.step(r);
    }
    log.finish(with_status("finished"));
  }
  const auto steps = lines("step");
  ASSERT_EQ(steps.size(), 10u);
  for (size_t i = 0; i < 10; ++i) EXPECT_EQ(steps[i]["step"], i + 1);
  EXPECT_EQ(steps[9]["time/compute"], 2.5);                     // of both parts
  EXPECT_TRUE(steps[5]["train/samples_per_second"].is_null());  // no step of this part before it
  EXPECT_EQ(steps[6]["train/samples_per_second"], 16);
  EXPECT_TRUE(lines("evaluation").empty());
  EXPECT_EQ(lines("start").size(), 2u);
  EXPECT_THAT(read_text(folder / "report.html"), HasSubstr("resumed 1 time"));
}

TEST_F(RunLogTest, ThrowsWhenTheRunDirectoryIsNotThere) {
  const std::string message =
      message_of<DataError>([&] { RunLog(folder / "gone", experiment, 10, 0); });
  EXPECT_THAT(message, HasSubstr("metrics.jsonl: No such file or directory"));
}

}  // namespace
}  // namespace trireme
