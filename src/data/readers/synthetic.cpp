// Samples drawn from a seed: for benchmarks, and for tests that need no files. Learnable: the mean
// of each class plus noise; a real target is a linear function of the values. Ids have
// hidden scores: their sum is added to a real target, and its sign is the label of two classes.

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <new>

#include "base/error.h"
#include "base/parallel.h"
#include "base/rng.h"
#include "data/raw_data.h"

namespace trireme {
namespace {

constexpr size_t kMemoryLimit = size_t{1} << 30;

// a b, where that many values can be counted in bytes; else there is no memory for them either.
size_t times(int64_t a, int64_t b) {
  constexpr size_t kMost = size_t{1} << 59;
  size_t product = 0;
  if (__builtin_mul_overflow(a, b, &product) || product > kMost) throw std::bad_alloc();
  return product;
}

// Sum of four uniform bytes, shifted and scaled to mean 0 and variance 1: near enough to a normal.
float noise(uint32_t word) {
  const uint32_t sum = (word & 255) + (word >> 8 & 255) + (word >> 16 & 255) + (word >> 24);
  constexpr float kInverseStd = 1.0f / 147.801f;  // sqrt(4 (256^2 - 1) / 12)
  return (static_cast<float>(sum) - 510.0f) * kInverseStd;
}

// Keys of rows in embedding tables: 1 to `values` of each feature, by Zipf's law.
struct IdGenerator {
  uint64_t key;
  int64_t features, values;
  double range, skew;

  int64_t count() const { return features * values; }
  // The continuous law's inverse: density x^-skew on [1, range + 1).
  int64_t draw(double u) const {
    const double last = range + 1, power = 1 - skew;
    const double x = std::abs(power) < 1e-9
                         ? std::pow(last, u)
                         : std::pow(1 + u * (std::pow(last, power) - 1), 1 / power);
    return static_cast<int64_t>(std::clamp(std::floor(x) - 1, 0.0, range - 1));
  }
  void ids(uint64_t sample, int64_t* out) const {
    for (int64_t f = 0; f < features; ++f) {
      const Philox4 some = philox(key, sample, static_cast<uint64_t>(f) << 32);
      const auto present =
          1 + static_cast<int64_t>(to_below(some[0], some[1], static_cast<uint64_t>(values)));
      for (int64_t v = 0; v < values; ++v) {
        const Philox4 w =
            philox(key, sample, static_cast<uint64_t>(f) << 32 | static_cast<uint64_t>(v + 1));
        out[f * values + v] = v < present ? draw(to_unit_double(w[0], w[1])) : -1;
      }
    }
  }
  // Sum over the ids of their scores, each uniform in [-1, 1).
  double score(uint64_t sample) const {
    std::vector<int64_t> all(static_cast<size_t>(count()));
    ids(sample, all.data());
    double sum = 0;
    for (size_t i = 0; i < all.size(); ++i) {
      if (all[i] < 0) continue;
      const uint64_t feature = i / static_cast<size_t>(values);
      const Philox4 w = philox(key ^ 1, static_cast<uint64_t>(all[i]), feature);
      sum += 2 * double{to_unit_float(w[0])} - 1;
    }
    return sum;
  }
};

struct Generator {
  uint64_t value_key, label_key;
  uint64_t first_id;          // validation samples follow the training samples
  int64_t elements, classes;  // classes == 0: real targets, and one mean for all
  // [max(1, classes), elements], uniform in [-1, 1). Shared by the copies that std::function makes.
  std::shared_ptr<float[]> means;
  IdGenerator id = {};  // no features: none

  int64_t label(uint64_t id) const {
    if (classes == 0) return 0;
    if (classes == 2 && this->id.features > 0) return this->id.score(first_id + id) > 0;
    const Philox4 words = philox(label_key, first_id + id, 0);
    return static_cast<int64_t>(to_below(words[0], words[1], static_cast<uint64_t>(classes)));
  }
  // Element e of sample i: its class's mean plus noise of word e % 4 of philox(seed, i, e / 4).
  void values(uint64_t id, float* out) const {
    const float* mean = means.get() + label(id) * elements;
    for (int64_t e = 0; e < elements; e += 4) {
      const Philox4 words = philox(value_key, first_id + id, static_cast<uint64_t>(e / 4));
      for (int64_t k = e; k < std::min(e + 4, elements); ++k)
        out[k] = mean[k] + noise(words[size_t(k - e)]);
    }
  }
  // Sum over e of mean[e] noise[e], over sqrt(elements): summed in the order of e.
  float target(uint64_t id) const {
    std::vector<float> x(static_cast<size_t>(elements));
    values(id, x.data());
    double sum = 0;
    for (size_t e = 0; e < x.size(); ++e)
      sum += double{means[e]} * (double{x[e]} - double{means[e]});
    const double linear = elements > 0 ? sum / std::sqrt(static_cast<double>(elements)) : 0;
    return static_cast<float>(linear + (this->id.features > 0 ? this->id.score(first_id + id) : 0));
  }
};

Generator make_generator(const ReadRequest& request, const Shape& shape) {
  const DataConfig& config = request.config;
  Generator g{mix(request.seed, hash_name("synthetic")),
              mix(request.seed, hash_name("synthetic labels")),
              request.training ? 0 : static_cast<uint64_t>(config.samples),
              shape.elements(),
              config.target == "value" ? 0 : config.classes,
              {},
              {mix(request.seed, hash_name("synthetic ids")), config.ids_features,
               config.ids_values, static_cast<double>(config.ids_range), config.ids_skew}};
  const uint64_t key = mix(request.seed, hash_name("synthetic means"));
  const int64_t classes = std::max<int64_t>(1, g.classes);
  g.means = std::make_shared_for_overwrite<float[]>(times(classes, g.elements));
  constexpr int64_t kPiece = 1024;  // elements of a class
  const int64_t pieces = (g.elements + kPiece - 1) / kPiece;
  parallel_for(classes * pieces, [&](int64_t i) {
    const int64_t k = i / pieces, begin = i % pieces * kPiece;
    for (int64_t e = begin; e < std::min(begin + kPiece, g.elements); ++e) {
      const Philox4 words = philox(key, static_cast<uint64_t>(k), static_cast<uint64_t>(e));
      g.means[k * g.elements + e] = 2 * to_unit_float(words[0]) - 1;
    }
  });
  return g;
}

void add_labels(const Generator& generator, RawData& raw) {
  if (generator.classes == 0) {
    raw.targets.resize(static_cast<size_t>(raw.samples));
    parallel_for(raw.samples, [&](int64_t id) {
      raw.targets[static_cast<size_t>(id)] = generator.target(static_cast<uint64_t>(id));
    });
    return;
  }
  raw.classes = generator.classes;
  raw.labels.reserve(static_cast<size_t>(raw.samples));  // all at once: it is there, or it is not
  for (int64_t i = 0; i < raw.samples; ++i) {
    raw.labels.push_back(generator.label(static_cast<uint64_t>(i)));
  }
}

void add_ids(const Generator& generator, RawData& raw) {
  const IdGenerator& id = generator.id;
  if (id.features == 0) return;
  raw.id_features = id.features;
  raw.id_values = id.values;
  raw.ids.resize(times(raw.samples, id.count()));
  parallel_for(raw.samples, [&](int64_t i) {
    id.ids(generator.first_id + static_cast<uint64_t>(i), raw.ids.data() + i * id.count());
  });
}

}  // namespace

RawData read_synthetic(const ReadRequest& request) {
  const DataConfig& config = request.config;
  const Shape shape{std::span<const int64_t>(config.shape)};
  if ((shape.rank() != 1 && shape.rank() != 3) || shape.elements() == 0) {
    throw ConfigError(
        fmt::format("data.shape is {}; synthetic samples are C,H,W or F", shape.str()));
  }
  RawData raw;
  raw.samples = request.training ? config.samples : config.validation_samples;
  if (config.classes < 1 && config.target != "value")
    throw ConfigError("data.classes is missing; synthetic data needs it");
  if (raw.samples < 1)
    throw ConfigError(fmt::format("data.samples is {}; synthetic data needs some", raw.samples));
  raw.shape = shape;
  raw.image = shape.rank() == 3;
  raw.parameters = fmt::format("synthetic {} {} classes {} samples {} from {} seed {}", shape.str(),
                               config.target, config.classes, raw.samples,
                               request.training ? 0 : config.samples, request.seed);
  const Generator generator = make_generator(request, shape);
  add_labels(generator, raw);
  add_ids(generator, raw);
  if (config.ids_features > 0)
    raw.parameters += fmt::format(" ids {} x {} below {} skew {}", config.ids_features,
                                  config.ids_values, config.ids_range, config.ids_skew);
  const size_t size = static_cast<size_t>(generator.elements);
  if (times(raw.samples, generator.elements) * sizeof(float) > kMemoryLimit) {
    raw.generate = [generator](uint64_t id, float* out) { generator.values(id, out); };
    return raw;
  }
  raw.floats.resize(static_cast<size_t>(raw.samples) * size);
  parallel_for(raw.samples, [&](int64_t id) {
    generator.values(static_cast<uint64_t>(id), raw.floats.data() + static_cast<size_t>(id) * size);
  });
  return raw;
}

}  // namespace trireme
