#pragma once
// What a run shows while it works: a bar that is redrawn on a terminal, or a line now and then in a
// log.

#include <functional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "worker/run_log.h"

namespace trireme {

// An average in which what lies `seconds` back counts 1/e.
class SmoothedRate {
 public:
  explicit SmoothedRate(double seconds) : window_(seconds) {}
  void add(double amount, double seconds);
  double value() const { return seconds_ > 0 ? amount_ / seconds_ : 0; }

 private:
  double window_, amount_ = 0, seconds_ = 0;
};

// "epoch 3/10  [#####-----] 53%  loss 0.1234  acc 97.1%  12,345 samples/s  eta 0:12"; in a log the
// bar gives way to "step 420/1400".
struct ProgressView {
  int64_t step = 0, total_steps = 0;
  double epoch = 0, loss = 0, accuracy = -1, samples_per_second = 0, eta = 0;
};
std::string progress_text(const ProgressView& view, bool bar);

// "epoch 3  step 420  validation loss 0.0712  accuracy 98.12%"; values of single classes are left
// out.
std::string evaluation_text(const EvaluationRecord& record);

struct ProgressOptions {
  bool bar = false;
  double interval = 10;  // seconds between lines, without a bar
  int64_t total_steps = 0, first_step = 0;
  int columns = 80;  // of the terminal
};

class Progress {
 public:
  // draw: raw bytes for the terminal. line: a whole line that stays.
  struct Output {
    std::function<void(std::string_view)> draw, line;
  };
  Progress(const ProgressOptions& options, Output output, Clock::time_point now);
  void step(const StepRecord& record, Clock::time_point now);
  void lasting(const std::string& text);
  void clear();  // removes the bar

 private:
  void show(const StepRecord& record, Clock::time_point now);

  const ProgressOptions options_;
  const Output output_;
  const Clock::time_point started_;
  Clock::time_point shown_;
  double loss_ = 0, accuracy_ = -1;  // smoothed over steps
  SmoothedRate rate_{5};             // samples a second
  double last_elapsed_ = -1;
  int64_t last_samples_ = 0;
  bool drawn_ = false;
};

// The two outputs of this process: stderr, and the log.
Progress::Output terminal_output();
// A bar where stderr is a terminal, or TRIREME_COLUMNS says that mpirun's is, and the user wants
// one.
ProgressOptions progress_options(const RunConfig& run, int64_t total_steps, int64_t first_step);

}  // namespace trireme
