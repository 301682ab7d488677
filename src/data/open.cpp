#include <fmt/format.h>

#include "base/error.h"
#include "base/rng.h"
#include "data/layout.h"
#include "data/preprocessing.h"
#include "data/stored_source.h"

namespace trireme {
namespace {

RawData read_raw(const ReadRequest& request) {
  const std::string& reader = request.config.reader;
  const bool synthetic = reader == "synthetic";
  if (!synthetic && request.files.empty()) {
    throw ConfigError(fmt::format("data.train is missing; the {} reader needs files", reader));
  }
  const auto read = [&] {
    if (synthetic) return read_synthetic(request);
    if (reader == "csv") return read_csv(request);
    if (reader == "idx") return read_idx(request);
    if (reader == "npy") return read_npy(request);
    if (reader == "tar") return read_tar(request);
    if (reader == "folder") return read_folder(request);
    throw ConfigError(fmt::format("data.reader is {}", reader),
                      "use csv, idx, tar, folder, npy or synthetic");
  };
  RawData raw = read();
  if (raw.samples == 0)
    throw DataError(fmt::format("{} has no samples", fmt::join(request.files, ", ")),
                    "name files that have some");
  if (!raw.has_input() && raw.id_features == 0) {
    throw DataError(fmt::format("{} has samples without values: {}", fmt::join(request.files, ", "),
                                raw.shape.str()),
                    "a sample needs at least one value");
  }
  apply_declared_shape(raw, request.config);
  return raw;
}

Augmentation augmentation_of(const DataConfig& config, uint64_t seed) {
  return {config.crop_padding, config.flip, mix(seed, hash_name("augment"))};
}

std::unique_ptr<DataSource> open_validation(const DataConfig& config, uint64_t seed,
                                            const Preprocessing& known) {
  const bool present =
      config.reader == "synthetic" ? config.validation_samples > 0 : !config.validation.empty();
  if (!present) return nullptr;
  RawData raw =
      read_raw({config, config.validation, config.validation_labels, &known, {}, seed, false});
  check_fits(raw, known, "the validation data");
  return std::make_unique<StoredSource>(std::move(raw), known, Augmentation{});
}

}  // namespace

DataSets open_data(const DataConfig& config, uint64_t seed,
                   const std::optional<Preprocessing>& fixed) {
  const bool own_validation =
      config.reader == "synthetic" ? config.validation_samples > 0 : !config.validation.empty();
  const Split split{own_validation ? 0 : config.validation_split, seed};
  RawData raw = read_raw(
      {config, config.train, config.train_labels, fixed ? &*fixed : nullptr, split, seed, true});
  const Preprocessing preprocessing = fixed ? *fixed : derive_preprocessing(raw, config, split);
  check_fits(raw, preprocessing, "the training data");
  auto whole =
      std::make_unique<StoredSource>(std::move(raw), preprocessing, augmentation_of(config, seed));
  if (split.fraction <= 0) return {std::move(whole), open_validation(config, seed, preprocessing)};

  const std::shared_ptr<const DataSource> shared = std::move(whole);
  DataSets sets{std::make_unique<SplitSource>(shared, split, false),
                std::make_unique<SplitSource>(shared, split, true)};
  if (sets.validation->size() == 0) {
    throw DataError(fmt::format("no sample of {} is held out with data.validation_split = {}",
                                shared->size(), split.fraction),
                    "raise data.validation_split, or leave it out");
  }
  return sets;
}

}  // namespace trireme
