#include "data/statistics.h"

#include <cmath>
#include <mutex>

#include "base/error.h"
#include "base/parallel.h"

namespace trireme {
namespace {

struct IntegerSums {
  std::vector<uint64_t> sum, squares;
  explicit IntegerSums(int64_t channels) : sum(size_t(channels)), squares(size_t(channels)) {}
  void add(const uint8_t* values, int64_t n) {
    for (int64_t i = 0; i < n;) {
      for (size_t c = 0; c < sum.size(); ++c, ++i) {
        sum[c] += values[i];
        squares[c] += uint64_t{values[i]} * values[i];
      }
    }
  }
  void add(const IntegerSums& other) {
    for (size_t c = 0; c < sum.size(); ++c) {
      sum[c] += other.sum[c];
      squares[c] += other.squares[c];
    }
  }
};

void finish(Normalization& n, double variance) {
  const double std = std::sqrt(variance);
  n.std.push_back(std > 0 ? std : 1.0);
}

// Sums are integers, so the order in which the threads add theirs does not matter.
Normalization byte_statistics(const RawData& raw, const Split& split, int64_t channels) {
  const int64_t size = raw.shape.elements();
  IntegerSums total(channels);
  uint64_t samples = 0;
  std::mutex mutex;
  parallel_for(raw.samples, [&](int64_t id) {
    if (split.validation(static_cast<uint64_t>(id))) return;
    IntegerSums own(channels);
    if (raw.decode) {
      std::vector<uint8_t> image(static_cast<size_t>(size));
      raw.decode(static_cast<uint64_t>(id), image.data());
      own.add(image.data(), size);
    } else {
      own.add(raw.bytes.data() + id * size, size);
    }
    const std::lock_guard lock(mutex);
    total.add(own);
    ++samples;
  });
  Normalization result;
  const double n = static_cast<double>(samples) * static_cast<double>(size / channels);
  for (size_t c = 0; c < total.sum.size(); ++c) {
    const double mean = static_cast<double>(total.sum[c]) / n;
    result.mean.push_back(mean);
    finish(result, std::max(0.0, static_cast<double>(total.squares[c]) / n - mean * mean));
  }
  return result;
}

// Calls visit(channel, value) for every training value in order.
template <class Visit>
void for_each_float(const RawData& raw, const Split& split, int64_t channels, Visit visit) {
  const int64_t size = raw.shape.elements();
  std::vector<float> made(raw.generate ? static_cast<size_t>(size) : 0);
  for (int64_t id = 0; id < raw.samples; ++id) {
    if (split.validation(static_cast<uint64_t>(id))) continue;
    const float* values = raw.floats.data() + id * size;
    const RawSample fetched = raw.fetch ? raw.fetch(static_cast<uint64_t>(id)) : RawSample{};
    if (raw.fetch) values = fetched.input;
    if (raw.generate) {
      raw.generate(static_cast<uint64_t>(id), made.data());
      values = made.data();
    }
    for (int64_t i = 0; i < size; ++i) visit(static_cast<size_t>(i % channels), double{values[i]});
  }
}

Normalization float_statistics(const RawData& raw, const Split& split, int64_t channels) {
  std::vector<double> sum(static_cast<size_t>(channels)), squares(sum.size());
  uint64_t values = 0;
  for_each_float(raw, split, channels, [&](size_t c, double x) {
    sum[c] += x;
    ++values;
  });
  const double n = static_cast<double>(values / static_cast<uint64_t>(channels));
  Normalization result;
  for (double s : sum) result.mean.push_back(s / n);
  for_each_float(raw, split, channels, [&](size_t c, double x) {
    const double d = x - result.mean[c];
    squares[c] += d * d;
  });
  for (double s : squares) finish(result, s / n);
  return result;
}

}  // namespace

std::vector<bool> one_hot_columns(const FeatureMap& features) {
  std::vector<bool> one_hot;
  for (const auto& column : features.columns) {
    const bool categorical = !column.categories.empty();
    one_hot.insert(one_hot.end(), categorical ? column.categories.size() : 1, categorical);
  }
  return one_hot;
}

Normalization training_statistics(const RawData& raw, const Split& split) {
  const int64_t channels = raw.channels();
  Normalization result = raw.eight_bit() ? byte_statistics(raw, split, channels)
                                         : float_statistics(raw, split, channels);
  if (raw.image) return result;
  const std::vector<bool> one_hot = one_hot_columns(raw.features);
  for (size_t c = 0; c < one_hot.size(); ++c) {
    if (!one_hot[c]) continue;
    result.mean[c] = 0;
    result.std[c] = 1;
  }
  return result;
}

}  // namespace trireme
