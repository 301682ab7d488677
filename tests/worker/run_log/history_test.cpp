#include "worker/run_log/history.h"

#include <sys/stat.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "checkpoint/fixture.h"
#include "worker/run_log/metrics_file.h"

namespace trireme {
namespace {

StepPoint point(int64_t step) {
  StepPoint p;
  p.record.step = step;
  p.record.epoch = static_cast<double>(step) / 10;
  p.record.samples = step * 8;
  p.record.loss = 1.0 / static_cast<double>(step);
  p.record.accuracy = 0.5;
  p.record.learning_rate = 0.1;
  p.record.grad_norm = 2;
  p.record.elapsed = static_cast<double>(step) / 2;
  p.record.phases = {.data = 1,
                     .compute = 2,
                     .exchange = 3,
                     .optimizer = 4,
                     .evaluation = 5,
                     .checkpoint = 6,
                     .exchange_hidden = 7};
  p.samples_per_second = 16;
  p.exchange_wait_ms = 0.25;
  return p;
}

TEST(MetricsLines, OfAStepReadBackAsTheyWere) {
  History history;
  ASSERT_TRUE(read_line(step_line(point(4)), 10, history));
  ASSERT_EQ(history.steps.size(), 1u);
  const StepRecord& r = history.steps[0].record;
  EXPECT_EQ(r.step, 4);
  EXPECT_EQ(r.samples, 32);
  EXPECT_EQ(r.loss, 0.25);
  EXPECT_EQ(r.accuracy, 0.5);
  EXPECT_EQ(r.phases.exchange, 3);
  EXPECT_EQ(r.phases.optimizer, 4);
  EXPECT_EQ(r.phases.checkpoint, 6);
  EXPECT_EQ(r.phases.exchange_hidden, 7);
  EXPECT_EQ(history.steps[0].exchange_wait_ms, 0.25);
  EXPECT_EQ(history.steps[0].samples_per_second, 16);
}

TEST(MetricsLines, HaveTheNamesThatScriptsRelyOn) {
  const auto json = nlohmann::json::parse(step_line(point(4)));
  EXPECT_EQ(json["kind"], "step");
  for (const char* key : {"step", "epoch", "train/loss", "train/accuracy", "train/learning_rate",
                          "train/grad_norm", "train/samples_per_second", "exchange/wait_ms",
                          "time/data", "time/compute", "time/exchange", "time/optimizer"})
    EXPECT_TRUE(json.contains(key)) << key;
}

TEST(MetricsLines, LeaveAnAccuracyOutThatDoesNotExist) {
  StepPoint p = point(1);
  p.record.accuracy = -1;
  EXPECT_FALSE(nlohmann::json::parse(step_line(p)).contains("train/accuracy"));
}

TEST(MetricsLines, HaveALossScaleWhereThereIsOne) {
  StepPoint p = point(1);
  EXPECT_FALSE(nlohmann::json::parse(step_line(p)).contains("train/loss_scale"));
  p.record.loss_scale = 32768;
  EXPECT_EQ(nlohmann::json::parse(step_line(p))["train/loss_scale"], 32768);
  History history;
  ASSERT_TRUE(read_line(step_line(p), 10, history));
  EXPECT_EQ(history.steps[0].record.loss_scale, 32768);
}

TEST(MetricsLines, HaveTheCountsOfTablesWhereTheyAreKnown) {
  StepPoint p = point(1);
  p.record.tables = {{"table/emb/rows", 17}, {"table/emb/bytes", 4096}};
  EXPECT_EQ(nlohmann::json::parse(step_line(p))["table/emb/rows"], 17);
  History history;
  ASSERT_TRUE(read_line(step_line(p), 10, history));
  ASSERT_TRUE(read_line(step_line(point(2)), 10, history));
  ASSERT_EQ(history.steps[0].record.tables.size(), 2u);
  EXPECT_EQ(history.steps[0].record.tables[1].name, "table/emb/bytes");
  EXPECT_EQ(history.steps[0].record.tables[1].value, 4096);
  EXPECT_TRUE(history.steps[1].record.tables.empty());
}

TEST(MetricsLines, WriteValuesThatAreNotFiniteAsNull) {
  StepPoint p = point(1);
  p.record.loss = NAN;
  p.record.grad_norm = INFINITY;
  const auto json = nlohmann::json::parse(step_line(p));
  EXPECT_TRUE(json["train/loss"].is_null());
  EXPECT_TRUE(json["train/grad_norm"].is_null());
  History history;
  ASSERT_TRUE(read_line(step_line(p), 10, history));
  EXPECT_TRUE(std::isnan(history.steps[0].record.loss));
}

TEST(MetricsLines, OfAnEvaluationKeepValuesAndConfusion) {
  EvaluationRecord record{
      20, 2, 9.5, {{"loss", 0.5}, {"accuracy", 0.75}}, {{3, 1}, {0, 4}}, {"cat", "dog"}};
  const auto json = nlohmann::json::parse(evaluation_line(record));
  EXPECT_EQ(json["validation/loss"], 0.5);
  EXPECT_EQ(json["confusion"], (std::vector<std::vector<int>>{{3, 1}, {0, 4}}));
  History history;
  ASSERT_TRUE(read_line(evaluation_line(record), 20, history));
  EXPECT_EQ(history.evaluations.at(0).values.at(1).name, "accuracy");
  EXPECT_EQ(history.evaluations[0].confusion, record.confusion);
  EXPECT_EQ(history.evaluations[0].classes, record.classes);
}

TEST(MetricsLines, LeaveAHugeConfusionMatrixOut) {
  EvaluationRecord record;
  record.confusion.assign(kMaxConfusionClasses + 1,
                          std::vector<int64_t>(kMaxConfusionClasses + 1, 0));
  EXPECT_FALSE(nlohmann::json::parse(evaluation_line(record)).contains("confusion"));
}

TEST(MetricsLines, WithBytesThatAreNotUtf8AreStillJson) {
  const std::string line = note_line({1, 0, "", "class \xff seen"});
  EXPECT_TRUE(nlohmann::json::accept(line));
}

TEST(ReadLine, RefusesTornForeignAndLaterLines) {
  History history;
  EXPECT_FALSE(read_line(R"({"kind":"step","step":3,"train/lo)", 10, history));
  EXPECT_FALSE(read_line("[1]", 10, history));
  EXPECT_FALSE(read_line(R"({"kind":"step"})", 10, history));
  EXPECT_FALSE(read_line(R"({"kind":"note","step":1,"text":5})", 10, history));
  EXPECT_FALSE(read_line(step_line(point(11)), 10, history));
  EXPECT_TRUE(read_line(R"({"kind":"of a later version","step":3})", 10, history));
  EXPECT_TRUE(history.steps.empty());
  EXPECT_TRUE(history.notes.empty());
}

TEST(ReadLine, DropsAConfusionMatrixThatIsNotSquare) {
  History history;
  ASSERT_TRUE(read_line(R"({"kind":"evaluation","step":3,"confusion":[[1,2],[3]]})", 10, history));
  EXPECT_TRUE(history.evaluations.at(0).confusion.empty());
}

TEST(History, KeepsOnlyTheNewestConfusionMatrix) {
  History history;
  history.add({1, 0, 0, {}, {{1}}, {}});
  history.add({2, 0, 0, {}, {{2}}, {}});
  EXPECT_TRUE(history.evaluations[0].confusion.empty());
  EXPECT_EQ(history.evaluations[1].confusion.size(), 1u);
}

TEST(History, CountsAnEvaluationThatNoStepHasToldYet) {
  History history;
  history.steps.push_back(point(4));  // elapsed 2, evaluation 5
  EXPECT_EQ(history.phases().evaluation, 5);
  history.add({4, 0.4, 2.75, {}, {}, {}});
  EXPECT_EQ(history.phases().evaluation, 5.75);
  EXPECT_EQ(history.elapsed(), 2.75);
  history.steps.push_back(point(6));
  EXPECT_EQ(history.phases().evaluation, 5);
}

using MetricsFileTest = FolderTest;

TEST_F(MetricsFileTest, DropsLaterStepsAndATornLastLine) {
  const std::string kept = start_line(0, "2026-11-22T10:15:30Z") + "\n" + step_line(point(5)) +
                           "\n" + step_line(point(10)) + "\n";
  write_atomic(folder / "metrics.jsonl",
               kept + step_line(point(11)) + "\n" + step_line(point(12)).substr(0, 30));
  History history;
  const auto file = open_metrics(folder, 10, history);
  EXPECT_EQ(read_text(folder / "metrics.jsonl"), kept);
  ASSERT_EQ(history.steps.size(), 2u);
  EXPECT_EQ(history.steps.back().record.step, 10);
  EXPECT_EQ(history.started, "2026-11-22T10:15:30Z");
  file->append("{}\n");
  file->flush();
  EXPECT_EQ(read_text(folder / "metrics.jsonl"), kept + "{}\n");
}

TEST_F(MetricsFileTest, EndsALastLineThatOnlyLacksItsLineEnd) {
  write_atomic(folder / "metrics.jsonl", step_line(point(5)));
  History history;
  (void)open_metrics(folder, 10, history);
  EXPECT_EQ(read_text(folder / "metrics.jsonl"), step_line(point(5)) + "\n");
}

TEST_F(MetricsFileTest, LeavesAFileAloneThatNeedsNoChange) {
  write_atomic(folder / "metrics.jsonl", step_line(point(5)) + "\n");
  struct stat before {
  }, after{};
  ASSERT_EQ(::stat((folder / "metrics.jsonl").c_str(), &before), 0);
  History history;
  (void)open_metrics(folder, 10, history);
  ASSERT_EQ(::stat((folder / "metrics.jsonl").c_str(), &after), 0);
  EXPECT_EQ(after.st_ino, before.st_ino);  // a rewrite would be another file
}

TEST_F(MetricsFileTest, WriteErrorsNameTheFileAndTheReason) {
  AppendFile full("/dev/full", false);
  full.append("text");
  const std::string message = message_of<DataError>([&] { full.flush(); });
  EXPECT_EQ(message, "cannot write /dev/full: No space left on device");
}

}  // namespace
}  // namespace trireme
