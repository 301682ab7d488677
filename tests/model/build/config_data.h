#pragma once
// What the data sets that the shipped experiments use look like.

#include "model/build/model_text.h"

namespace trireme::testing_model {

inline DataShape data_of(const Experiment& e) {
  const auto& d = e.data;
  if (d.reader == "synthetic")
    return {Shape(std::span<const int64_t>(d.shape)),
            d.shape.size() == 3,
            d.classes,
            1,
            false,
            d.ids_features,
            d.ids_features > 0 ? d.ids_values : 0};
  if (d.reader == "idx") return images(1, 28, 28, 10);
  if (d.reader == "tar") return images(3, 32, 32, 10);
  if (!d.ids.empty()) {  // named one by one, or Criteo's 26 columns of ids and 13 numbers
    DataShape data = features(d.log.empty() ? 0 : 13, 2);
    data.id_features = d.ids.size() > 1 ? static_cast<int64_t>(d.ids.size()) : 26;
    data.id_values = 1;
    if (d.ids.size() > 1) data.id_names = d.ids;
    return data;
  }
  if (d.target == "value") return values(64);
  return d.channels > 0 ? images(d.channels, d.height, d.width, 10) : features(64, 10);
}

}  // namespace trireme::testing_model
