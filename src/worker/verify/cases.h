#pragma once
// The trainings that verify compares, and what each of them changes in the experiment.

#include <string>
#include <utility>
#include <vector>

#include "base/file.h"

namespace trireme {

struct VerifyOptions {
  std::string experiment;              // the user's file
  std::vector<std::string> overrides;  // the user's, "section.key=value"
  int64_t steps = 20;                  // of each training
  int64_t ranks = 3;                   // N, the largest number of ranks
  double tolerance = -1;               // relative; -1: 0 (bits) when the experiment is reproducible
  double timeout = 600;                // seconds for one training
  bool keep = false;                   // keep runs and logs
  bool servers = true;                 // parameter servers too
  std::string program;                 // this program
  std::string mpirun = "mpirun";
};

inline constexpr int64_t kFewestSteps = 4;         // one checkpoint must be whole before the kill
inline constexpr double kDefaultTolerance = 1e-5;  // where bits are not promised

// How a case's training begins.
enum class Start { fresh, killed, resumed };

struct VerifyCase {
  std::string name;  // "three ranks"
  std::string folder;
  int64_t ranks = 1, lanes = 1;  // of each worker
  Start start = Start::fresh;
  int64_t servers = 0;  // more ranks, which hold the parameters
  bool mixed = false;   // ... of tables alone; for models that have any
};

// The reference first; the killed one stands before those that resume it.
std::vector<VerifyCase> verify_cases(const VerifyOptions& options);

// The step at which the killed training loses a rank, and how often it saves before.
int64_t kill_step(const VerifyOptions& options);
int64_t save_interval(const VerifyOptions& options);

// mpirun and its arguments for one training whose runs go to `dir`. `resume`: the run to continue;
// empty: none.
std::vector<std::string> launch_words(const VerifyOptions& options, const VerifyCase& one,
                                      const Path& dir, const Path& resume);

// The keys that launch_words sets. Throws ConfigError when an override of the user's sets one too.
void check_overrides(const VerifyOptions& options);

}  // namespace trireme
