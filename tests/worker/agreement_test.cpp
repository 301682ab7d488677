// How ranks fail together before the first step, and how they find out that they differ.
#include "worker/agreement.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "comm/thread_comm.h"

namespace trireme {
namespace {

using testing::AllOf;
using testing::Each;
using testing::HasSubstr;

constexpr double kTimeout = 20;

struct Ending {
  ExitCode code = ExitCode::done;
  std::string what, hint;
};

// How each of `ranks` ended `body`; every rank must throw an AgreedError.
std::vector<Ending> endings(int ranks, const std::function<void(Communicator&)>& body) {
  std::vector<Ending> all(static_cast<size_t>(ranks));
  run_thread_ranks(ranks, [&](Communicator& comm) {
    Ending& mine = all[static_cast<size_t>(comm.rank())];
    try {
      body(comm);
    } catch (const AgreedError& e) {
      mine = {e.code(), e.what(), e.hint()};
    }
  });
  return all;
}

std::vector<std::string> messages(const std::vector<Ending>& all) {
  std::vector<std::string> texts;
  for (const Ending& e : all) texts.push_back(e.what);
  return texts;
}

TEST(Together, OneRanksErrorEndsAllWithItsNameCodeAndHint) {
  for (int ranks : {2, 3, 7}) {
    const auto all = endings(ranks, [](Communicator& comm) {
      together(comm, "the data", kTimeout, [&] {
        if (comm.rank() == 1) throw DataError("x.csv:3: no number", "correct it");
      });
    });
    for (const Ending& e : all) {
      EXPECT_THAT(e.what, testing::MatchesRegex("rank 1 \\(.*\\): x.csv:3: no number"));
      EXPECT_EQ(e.hint, "correct it");
      EXPECT_EQ(e.code, ExitCode::data);
    }
  }
}

TEST(Together, AnErrorOfAllNamesNoRank) {
  const auto all = endings(3, [](Communicator& comm) {
    together(comm, "the data", kTimeout, [] { throw ConfigError("wrong"); });
  });
  EXPECT_THAT(messages(all), Each("wrong"));
  EXPECT_EQ(all[2].code, ExitCode::config);
}

TEST(Together, WhatTheFileSystemRefusesIsAnErrorOfTheData) {
  const auto all = endings(2, [](Communicator& comm) {
    together(comm, "the data", kTimeout, [] {
      throw std::filesystem::filesystem_error("status", "/data/shut",
                                              std::make_error_code(std::errc::permission_denied));
    });
  });
  EXPECT_THAT(messages(all), Each("cannot read /data/shut: Permission denied"));
  EXPECT_EQ(all[0].hint, "check the path and the permissions of its folders");
  EXPECT_EQ(all[1].code, ExitCode::data);
}

TEST(Agree, NamesEachFactThatDiffersTheRanksAndBothValues) {
  const auto all = endings(3, [](Communicator& comm) {
    agree(comm,
          {{"the data", comm.rank() == 2 ? "d2" : "d0"}, {"the build", "b"}, {"the model", "m"}},
          kTimeout);
  });
  EXPECT_THAT(messages(all), Each(AllOf(HasSubstr("the ranks do not run the same job:\n"
                                                  "  the data differs: rank 2 ("),
                                        HasSubstr(") has d2, rank 0 ("), HasSubstr(") has d0"),
                                        testing::Not(HasSubstr("the build")))));
  EXPECT_EQ(all[1].code, ExitCode::config);
}

TEST(Agree, NamesTheFirstLineThatDiffersOfATextOfSeveral) {
  const std::vector<std::string> texts = {"train.batch_size = 64\ntrain.ema = 0\nrun.seed = 1\n",
                                          "train.batch_size = 64\ntrain.ema = 0\nrun.seed = 1\n",
                                          "train.batch_size = 64\ntrain.ema = 1\nrun.seed = 2\n",
                                          "train.batch_size = 64\n"};
  const auto all = endings(4, [&](Communicator& comm) {
    agree(comm, {{"the experiment", texts[static_cast<size_t>(comm.rank())]}, {"the data", "d"}},
          kTimeout);
  });
  EXPECT_THAT(messages(all), Each(testing::MatchesRegex(
                                 "the ranks do not run the same job:\n"
                                 "  the experiment differs: rank 2 \\([^)]*\\) has train.ema = 1, "
                                 "rank 0 \\([^)]*\\) has train.ema = 0\n"
                                 "  the experiment differs: rank 3 \\([^)]*\\) has nothing, "
                                 "rank 0 \\([^)]*\\) has train.ema = 0")));
}

TEST(Agree, IsSilentWhenAllAreAlike) {
  EXPECT_EQ(endings(3,
                    [](Communicator& comm) {
                      agree(comm, {{"the data", "d"}}, kTimeout);
                    })[1]
                .code,
            ExitCode::done);
}

}  // namespace
}  // namespace trireme
