#include "worker/report/report.h"

#include <gmock/gmock.h>

#include <cmath>

#include "worker/report/classes.h"
#include "worker/report/html.h"
#include "worker/report/time_bar.h"

namespace trireme {
namespace {

using testing::HasSubstr;
using testing::Not;

Experiment experiment() {
  Experiment e{};
  e.run.name = "cats & <dogs>";
  e.resolved = {{"run", "seed", "42", "default"}, {"optimizer", "lr", "0.05", "cats.ini:12"}};
  return e;
}

History history() {
  History h;
  h.started = "2026-11-22T10:15:30Z";
  h.starts = 1;
  for (int64_t n = 1; n <= 20; ++n) {
    StepPoint p;
    p.record.step = n;
    p.record.loss = 2.0 / static_cast<double>(n);
    p.record.accuracy = 0.5;
    p.record.learning_rate = 0.05;
    p.record.samples = 64 * n;
    p.record.elapsed = static_cast<double>(n);
    p.record.phases.compute = 0.75 * static_cast<double>(n);
    p.samples_per_second = 64;
    h.steps.push_back(p);
  }
  h.add({20, 2, 20, {{"loss", 0.125}, {"accuracy", 0.875}}, {{7, 1}, {1, 7}}, {"cat", "<dog>"}});
  h.notes = {{10, 10, "2026-11-22T10:15:40Z", "learning rate dropped"}};
  return h;
}

RunSummary summary() {
  RunSummary s;
  s.status = "finished";
  s.topology = "2 ranks on 1 host, 4 lanes, 8 virtual shards";
  s.steps_total = 20;
  s.export_path = "runs/cats/export";
  s.parity = "4 golden samples agree";
  return s;
}

TEST(Report, DrawsStalenessWhereWorkersGoAtTheirOwnPace) {
  History h = history();
  EXPECT_THAT(report_html(experiment(), h, summary()), Not(HasSubstr(">Staleness")));
  for (StepPoint& p : h.steps) p.staleness = static_cast<double>(p.record.step % 3);
  EXPECT_THAT(report_html(experiment(), h, summary()), HasSubstr(">Staleness"));
}

TEST(Report, ContainsWhatARunIsAskedFor) {
  const std::string html = report_html(experiment(), history(), summary());
  for (const char* text :
       {"cats &amp; &lt;dogs&gt;", ">finished<", "2026-11-22 10:15:30 UTC",
        "2 ranks on 1 host, 4 lanes, 8 virtual shards", "runs/cats/export",
        "4 golden samples agree", "87.50%", "0.1250", ">Loss<", ">Accuracy<", ">Learning rate<",
        ">Throughput", "Where the time went", "75.0%", "Confusion matrix", "&lt;dog&gt;",
        "learning rate dropped", "cats.ini:12", "20 of 20 steps"})
    EXPECT_THAT(html, HasSubstr(text)) << text;
}

TEST(Report, NeedsNothingButItself) {
  const std::string html = report_html(experiment(), history(), summary());
  for (const char* reference : {"http", "//", "<script", "<link", "src=", "@import", "href="})
    EXPECT_THAT(html, Not(HasSubstr(reference))) << reference;
  for (size_t at = html.find("url("); at != std::string::npos; at = html.find("url(", at + 1))
    EXPECT_EQ(html.substr(at, 5), "url(#");  // a place in this page
}

TEST(Report, OfARunWithoutAnyRecordIsWhole) {
  RunSummary failed;
  failed.status = "failed: no data";
  const std::string html = report_html(experiment(), History(), failed);
  EXPECT_THAT(html, HasSubstr("badge bad\">failed: no data<"));
  EXPECT_TRUE(html.ends_with("</html>\n"));
  EXPECT_THAT(html, Not(HasSubstr("<svg")));
}

TEST(Report, SurvivesValuesThatAreNotFinite) {
  History h = history();
  h.steps[5].record.loss = NAN;
  h.steps[6].record.loss = INFINITY;
  h.evaluations[0].values[0].value = NAN;
  const std::string html = report_html(experiment(), h, summary());
  EXPECT_THAT(html, HasSubstr("<b>NaN</b>"));
  EXPECT_THAT(html, Not(HasSubstr("nan")));
  EXPECT_THAT(html, Not(HasSubstr("inf ")));
}

TEST(TimeBar, GivesWhatNoPhaseExplainsToOther) {
  const std::string html =
      time_bar_html({.data = 1, .compute = 5, .exchange = 1.5, .optimizer = 0.5}, 10);
  EXPECT_THAT(html, HasSubstr("compute <b>50.0%</b>"));
  EXPECT_THAT(html, HasSubstr("data <b>10.0%</b>"));
  EXPECT_THAT(html, HasSubstr("exchange <b>15.0%</b>"));
  EXPECT_THAT(html, HasSubstr("optimizer <b>5.0%</b>"));
  EXPECT_THAT(html, HasSubstr("other <b>20.0%</b>"));
  EXPECT_EQ(time_bar_html({}, 0), "");
}

TEST(ClassScores, FollowFromTheConfusionMatrix) {
  EvaluationRecord record;
  record.confusion = {{8, 2, 0}, {4, 6, 0}, {0, 0, 0}};
  record.classes = {"cat", "dog"};
  const auto scores = class_scores(record);
  EXPECT_EQ(scores[0].support, 10);
  EXPECT_DOUBLE_EQ(scores[0].precision, 8.0 / 12);
  EXPECT_DOUBLE_EQ(scores[0].recall, 0.8);
  EXPECT_DOUBLE_EQ(scores[0].f1, 16.0 / 22);
  EXPECT_EQ(scores[2].name, "2");  // a class without a name
  EXPECT_TRUE(std::isnan(scores[2].precision));
  EXPECT_TRUE(std::isnan(scores[2].recall));
}

TEST(ClassesHtml, ShowsTheWorstOfManyClassesAndNoHugeMatrix) {
  EvaluationRecord record;
  record.confusion.assign(40, std::vector<int64_t>(40, 0));
  for (size_t k = 0; k < 40; ++k) record.confusion[k][k] = 10;
  record.confusion[39] = std::vector<int64_t>(40, 1);
  record.classes.assign(40, "fine");
  record.classes[39] = "difficult";
  const std::string html = classes_html(record);
  EXPECT_THAT(html, Not(HasSubstr("Confusion matrix")));
  EXPECT_THAT(html, HasSubstr("The 30 of 40 classes with the lowest F1."));
  EXPECT_THAT(html, HasSubstr("difficult"));
}

TEST(EscapeHtml, LeavesNoMarkup) {
  EXPECT_EQ(escape_html("<a href=\"x\">&"), "&lt;a href=&quot;x&quot;&gt;&amp;");
}

}  // namespace
}  // namespace trireme
