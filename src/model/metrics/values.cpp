#include <cmath>

#include "model/metrics/metric.h"

namespace trireme {
namespace {

// sums: {sum w |y - p|^power over all values, sum w over all values}
class MeanError final : public Metric {
 public:
  explicit MeanError(bool squared) : squared_(squared) {}
  int64_t doubles() const override { return 2; }
  void accumulate(const MetricBatch& b, double* sums) const override {
    for (int64_t i = 0; i < b.n; ++i) {
      double error = 0;
      for (int64_t c = 0; c < b.width; ++c) {
        const double d =
            static_cast<double>(b.targets[i * b.width + c]) - static_cast<double>(b.row(i)[c]);
        error += squared_ ? d * d : std::fabs(d);
      }
      sums[0] += b.weight_of(i) * error;
      sums[1] += b.weight_of(i) * static_cast<double>(b.width);
    }
  }
  void finish(const double* totals, std::vector<MetricValue>& out) const override {
    out.push_back({squared_ ? "mse" : "mae", ratio(totals[0], totals[1])});
  }

 private:
  bool squared_;
};

// 1 - sum w (y - p)^2 / sum w (y - mean)^2, averaged over the columns.
// sums: per column {w, w y, w y^2, w (y - p)^2}
class R2 final : public Metric {
 public:
  explicit R2(int64_t width) : width_(width) {}
  int64_t doubles() const override { return 4 * width_; }
  void accumulate(const MetricBatch& b, double* sums) const override {
    for (int64_t i = 0; i < b.n; ++i) {
      for (int64_t c = 0; c < b.width; ++c) {
        const double w = b.weight_of(i), y = b.targets[i * b.width + c];
        const double d = y - static_cast<double>(b.row(i)[c]);
        double* s = sums + 4 * c;
        s[0] += w;
        s[1] += w * y;
        s[2] += w * y * y;
        s[3] += w * d * d;
      }
    }
  }
  void finish(const double* totals, std::vector<MetricValue>& out) const override {
    double sum = 0;
    for (int64_t c = 0; c < width_; ++c) sum += column(totals + 4 * c);
    out.push_back({"r2", sum / static_cast<double>(width_)});
  }

 private:
  // Constant targets: 1 if all were met, else 0, as scikit-learn's r2_score.
  static double column(const double* s) {
    const double spread = s[2] - ratio(s[1] * s[1], s[0]);
    const double rounding = 1e-13 * s[2];  // what is left of a constant column by cancellation
    if (spread <= rounding) return s[3] == 0 ? 1 : 0;
    return 1 - s[3] / spread;
  }

  int64_t width_;
};

}  // namespace

std::unique_ptr<Metric> make_mse() { return std::make_unique<MeanError>(true); }
std::unique_ptr<Metric> make_mae() { return std::make_unique<MeanError>(false); }
std::unique_ptr<Metric> make_r2(int64_t width) { return std::make_unique<R2>(width); }

}  // namespace trireme
