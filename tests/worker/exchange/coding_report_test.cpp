#include "worker/exchange/coding_report.h"

#include <gtest/gtest.h>

#include "comm/thread_comm.h"

namespace trireme {
namespace {

TEST(CodingReport, HasNothingToTellWhereNothingWasCoded) {
  CodingReport report("none");
  report.add(std::nullopt);
  EXPECT_TRUE(report.empty());
}

TEST(CodingReport, CountsBytesAndErrorsOfPushes) {
  CodingReport report("bf16");
  report.add(Coding{1024, 2048, 0.25});
  report.add(Coding{1024, 2048, 0.75});
  EXPECT_EQ(
      report.in_words(),
      "2 pushes in bf16: 2.0 KiB instead of 4.0 KiB (50 %); what a push left out had 0.5 of its "
      "norm on average");
}

TEST(CodingReport, TellsOfAllWorkers) {
  run_thread_ranks(2, [](Communicator& c) {
    CodingReport report("int8");
    for (int push = 0; push <= 2 * c.rank(); ++push) report.add(Coding{512, 2048, 0.5});
    report.gather(c, {.what = "the test"});
    EXPECT_EQ(
        report.in_words(),
        "4 pushes in int8: 2.0 KiB instead of 8.0 KiB (25 %); what a push left out had 0.5 of "
        "its norm on average");
  });
}

}  // namespace
}  // namespace trireme
