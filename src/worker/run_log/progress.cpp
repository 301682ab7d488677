#include "worker/run_log/progress.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "base/log.h"
#include "base/text.h"
#include "worker/run_log/numbers.h"

namespace trireme {

namespace {

constexpr double kBarSeconds = 0.1;
constexpr double kLossDecay = 0.98;  // about the last 50 steps
constexpr int kBarCells = 20;

// mpirun puts a pipe between a rank and the terminal, so that the launch scripts say how wide it
// is: TRIREME_COLUMNS. 0: there is none.
int columns_behind_mpirun() {
  const char* columns = std::getenv("TRIREME_COLUMNS");
  return columns ? static_cast<int>(parse_int(columns).value_or(0)) : 0;
}

double smooth(double before, double now, double decay) {
  return std::isfinite(now) && std::isfinite(before) ? decay * before + (1 - decay) * now : now;
}

std::string bar_text(double fraction) {
  const int full = static_cast<int>(fraction * kBarCells + 1e-9);
  return fmt::format("[{}{}] {:3.0f}%", std::string(static_cast<size_t>(full), '#'),
                     std::string(static_cast<size_t>(kBarCells - full), '-'),
                     std::floor(100 * fraction + 1e-9));
}

}  // namespace

void SmoothedRate::add(double amount, double seconds) {
  if (seconds <= 0) return;
  const double keep = std::exp(-seconds / window_);
  amount_ = keep * amount_ + amount;
  seconds_ = keep * seconds_ + seconds;
}

std::string progress_text(const ProgressView& v, bool bar) {
  // The end of epoch 3 is shown as all of epoch 3, not as nothing of epoch 4.
  const double number = std::max(1.0, std::ceil(v.epoch - 1e-9));
  const double fraction = std::clamp(v.epoch - (number - 1), 0.0, 1.0);
  std::string text = fmt::format("epoch {:.0f}", number);
  if (v.step > 0 && v.total_steps > 0) {
    const double epochs =
        v.epoch * static_cast<double>(v.total_steps) / static_cast<double>(v.step);
    text += fmt::format("/{:.0f}", std::max(number, std::ceil(epochs - 1e-6)));
  }
  text += bar ? "  " + bar_text(fraction) : fmt::format("  step {}/{}", v.step, v.total_steps);
  text += fmt::format("  loss {:.4f}", v.loss);
  if (v.accuracy >= 0) text += fmt::format("  acc {:.1f}%", 100 * v.accuracy);
  text += fmt::format("  {} samples/s  eta {}", with_commas(std::llround(v.samples_per_second)),
                      short_duration(v.eta));
  return text;
}

std::string evaluation_text(const EvaluationRecord& record) {
  const double epoch = std::round(record.epoch * 100) / 100;
  std::string text = fmt::format("epoch {:g}  step {}  validation", epoch, record.step);
  const char* space = " ";
  for (const MetricValue& m : record.values) {
    if (m.name.find('/') != std::string::npos) continue;
    text += space + m.name + " " + metric_text(m.name, m.value);
    space = "  ";
  }
  return text;
}

Progress::Progress(const ProgressOptions& options, Output output, Clock::time_point now)
    : options_(options), output_(std::move(output)), started_(now), shown_(now) {}

void Progress::step(const StepRecord& record, Clock::time_point now) {
  const bool first = last_elapsed_ < 0;
  loss_ = first ? record.loss : smooth(loss_, record.loss, kLossDecay);
  if (record.accuracy >= 0)
    accuracy_ = accuracy_ < 0 ? record.accuracy : smooth(accuracy_, record.accuracy, kLossDecay);
  const double training = record.elapsed - record.phases.evaluation - record.phases.checkpoint;
  if (!first)
    rate_.add(static_cast<double>(record.samples - last_samples_), training - last_elapsed_);
  last_elapsed_ = training;
  last_samples_ = record.samples;
  const double since = std::chrono::duration<double>(now - shown_).count();
  if (since >= (options_.bar ? kBarSeconds : options_.interval)) show(record, now);
}

void Progress::show(const StepRecord& record, Clock::time_point now) {
  shown_ = now;
  const double done = static_cast<double>(record.step - options_.first_step);
  const double left = static_cast<double>(options_.total_steps - record.step);
  const double seconds = std::chrono::duration<double>(now - started_).count();
  const std::string text =
      progress_text({record.step, options_.total_steps, record.epoch, loss_, accuracy_,
                     rate_.value(), done > 0 ? seconds / done * left : NAN},
                    options_.bar);
  if (!options_.bar) return output_.line(text);
  // The cursor goes back to the start of the line, so that a warning overwrites the bar.
  output_.draw(text.substr(0, static_cast<size_t>(std::max(1, options_.columns - 1))) + "\x1b[K\r");
  drawn_ = true;
}

void Progress::lasting(const std::string& text) {
  clear();
  output_.line(text);
}

void Progress::clear() {
  if (drawn_) output_.draw("\r\x1b[K");
  drawn_ = false;
}

Progress::Output terminal_output() {
  return {[](std::string_view bytes) { (void)!::write(STDERR_FILENO, bytes.data(), bytes.size()); },
          [](std::string_view text) { log_info("{}", text); }};
}

ProgressOptions progress_options(const RunConfig& run, int64_t total_steps, int64_t first_step) {
  ProgressOptions options;
  const int behind_mpirun = columns_behind_mpirun();
  options.bar = run.progress && (::isatty(STDERR_FILENO) == 1 || behind_mpirun > 0);
  if (behind_mpirun > 0) options.columns = behind_mpirun;
  options.interval = run.log_interval;
  options.total_steps = total_steps;
  options.first_step = first_step;
  winsize size{};
  if (options.bar && ::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
    options.columns = size.ws_col;
  return options;
}

}  // namespace trireme
