#include "worker/verify/verify.h"

#include <gmock/gmock.h>

#include "base/error.h"
#include "checkpoint/fixture.h"
#include "config/experiment.h"
#include "worker/verify/child_process.h"
#include "worker/verify/table.h"

namespace trireme {
namespace {

using testing::Contains;
using testing::HasSubstr;
using testing::Not;

VerifyOptions options_for(const std::string& experiment) {
  VerifyOptions options;
  options.experiment = experiment;
  options.program = "/usr/bin/trireme";
  return options;
}

std::vector<std::string> names(const std::vector<VerifyCase>& cases) {
  std::vector<std::string> all;
  for (const VerifyCase& one : cases) all.push_back(one.name);
  return all;
}

TEST(VerifyCases, AreRanksLanesKilledAndResumedOnOtherRanks) {
  VerifyOptions options = options_for("e.ini");
  EXPECT_EQ(
      names(verify_cases(options)),
      (std::vector<std::string>{"reference", "two ranks", "three ranks", "three lanes", "killed",
                                "resumed", "resumed on three ranks", "one server", "two servers",
                                "resumed on two servers", "rows on two servers"}));
  options.ranks = 2;
  EXPECT_EQ(names(verify_cases(options)),
            (std::vector<std::string>{"reference", "two ranks", "three lanes", "killed", "resumed",
                                      "resumed on one rank", "one server", "resumed on two servers",
                                      "rows on two servers"}));
  options.servers = false;
  EXPECT_EQ(names(verify_cases(options)).back(), "resumed on one rank");
}

TEST(VerifyCases, StartServersBesideTheWorkers) {
  const VerifyOptions options = options_for("e.ini");
  const VerifyCase served{"two servers", "two-servers", 3, 1, Start::fresh, 2};
  const auto words = launch_words(options, served, "/tmp/x", "");
  EXPECT_EQ(words[2], "5");
  for (const char* word :
       {"--exchange.name=parameter_server", "--exchange.servers=2", "--exchange.consistency=sync"})
    EXPECT_THAT(words, Contains(word));
}

TEST(VerifyCases, SaveBeforeTheKillAndKillBeforeTheEnd) {
  VerifyOptions options = options_for("e.ini");
  for (options.steps = kFewestSteps; options.steps < 60; ++options.steps) {
    EXPECT_LT(2 * save_interval(options), kill_step(options)) << options.steps;
    EXPECT_LT(kill_step(options), options.steps) << options.steps;
  }
}

TEST(VerifyCases, StartTheProgramUnderMpirunWithTheUsersOverrides) {
  VerifyOptions options = options_for("e.ini");
  options.overrides = {"train.batch_size=16"};
  const VerifyCase three{"three ranks", "n-ranks", 3, 1, Start::fresh};
  const auto words = launch_words(options, three, "/tmp/x", "");
  EXPECT_EQ(std::vector<std::string>(words.begin(), words.begin() + 3),
            (std::vector<std::string>{"mpirun", "-n", "3"}));
  for (const char* word :
       {"/usr/bin/trireme", "e.ini", "--train.batch_size=16", "--train.max_steps=20",
        "--run.dir=/tmp/x", "--run.lanes=1", "--export.formats=", "--debug.kill_rank=-1"})
    EXPECT_THAT(words, Contains(word));
  EXPECT_THAT(words, Not(Contains("--resume")));
}

TEST(VerifyCases, KillOneRankInTheKilledCaseAlone) {
  const VerifyOptions options = options_for("e.ini");
  for (const VerifyCase& one : verify_cases(options)) {
    const auto words = launch_words(options, one, "/d", one.start == Start::resumed ? "/run" : "");
    const bool killed = one.start == Start::killed;
    EXPECT_THAT(words, Contains(killed ? "--debug.kill_step=11" : "--debug.kill_step=-1"));
    EXPECT_THAT(words,
                Contains(killed ? "--checkpoint.every_steps=5" : "--checkpoint.every_steps=0"));
    EXPECT_THAT(words, Contains("/run").Times(one.start == Start::resumed ? 1 : 0));
  }
}

TEST(VerifyCases, GiveOnlyKeysThatExist) {
  const VerifyOptions options = options_for(TRIREME_SOURCE_DIR "/configs/digits_mlp.ini");
  for (const VerifyCase& one : verify_cases(options)) {
    std::vector<std::string> overrides;
    for (const std::string& word : launch_words(options, one, "/d", ""))
      if (word.starts_with("--") && word.find('.') != std::string::npos)
        overrides.push_back(word.substr(2));
    EXPECT_EQ(load_experiment(options.experiment, overrides).train.max_steps, 20) << one.name;
  }
}

TEST(VerifyCases, RefuseOverridesOfTheKeysThatVerifySets) {
  VerifyOptions options = options_for("e.ini");
  options.overrides = {"train.batch_size=16", "train.max_steps=3"};
  EXPECT_EQ(message_of<ConfigError>([&] { check_overrides(options); }),
            "trireme verify sets train.max_steps itself, but --train.max_steps=3 was given");
  options.overrides = {"run.seed=3"};
  EXPECT_NO_THROW(check_overrides(options));
}

TEST(VerifyTable, AlignsItsRowsAndCutsTheHash) {
  const std::string row =
      table_row({"three ranks", "3 x 1", "20", std::string(64, 'a'), 1.25, "equal"});
  EXPECT_EQ(row.find("3 x 1") + 5, table_header().find("lanes") + 5);
  EXPECT_EQ(row.find("equal"), table_header().find("verdict"));
  EXPECT_THAT(row, HasSubstr(" aaaaaaaaaaaaaaaa "));
  EXPECT_LE(row.size(), 100u);
}

// verify with a script in mpirun's place.
class VerifyTest : public FolderTest {
 protected:
  VerifyOptions with_mpirun(const std::string& script) {
    write_atomic(folder / "mpirun", "#!/bin/sh\n" + script + "\n");
    std::filesystem::permissions(folder / "mpirun", std::filesystem::perms::owner_all);
    VerifyOptions options = options_for(TRIREME_SOURCE_DIR "/configs/digits_mlp.ini");
    options.mpirun = (folder / "mpirun").string();
    return options;
  }
  bool run(const VerifyOptions& options) {
    return verify(options, interrupt, [this](std::string_view text) { printed += text; });
  }
  std::atomic<int> interrupt{0};
  std::string printed;
};

TEST_F(VerifyTest, ShowsTheLogWhenTheReferenceFails) {
  const VerifyOptions options = with_mpirun("echo no such data; exit 3");
  try {
    run(options);
    FAIL() << "nothing was thrown";
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), ExitCode::data);
    EXPECT_STREQ(e.what(),
                 "the reference training on one rank did not end well (FAILED: exit code 3):\n"
                 "    no such data\n");
    EXPECT_EQ(e.hint(), "make `trireme train` with the same arguments work first");
  }
}

TEST_F(VerifyTest, SaysWhenATrainingLeavesNoCheckpointOrTakesTooLong) {
  EXPECT_THAT(message_of<Error>([&] { run(with_mpirun("exit 0")); }),
              HasSubstr("(FAILED: it left no checkpoint):\n    (it printed nothing)\n"));
  VerifyOptions slow = with_mpirun("exec sleep 600");
  slow.timeout = 0.1;
  EXPECT_THAT(message_of<Error>([&] { run(slow); }),
              HasSubstr("(FAILED: not done after 0.1 s (--verify.timeout))"));
}

TEST_F(VerifyTest, StopsWhenInterrupted) {
  interrupt = 2;
  EXPECT_THROW(run(with_mpirun("exec sleep 600")), Interrupted);
}

TEST_F(VerifyTest, ReadsTheExperimentBeforeItStartsAnything) {
  VerifyOptions options = with_mpirun("touch " + (folder / "started").string());
  options.overrides = {"train.batch_sise=3"};
  EXPECT_THAT(message_of<ConfigError>([&] { run(options); }), HasSubstr("batch_size"));
  EXPECT_FALSE(std::filesystem::exists(folder / "started"));
}

}  // namespace
}  // namespace trireme
