#pragma once
// What the model needs to know of the data it is trained on.

#include "data/source.h"
#include "model/build.h"

namespace trireme {

inline DataShape data_shape_of(const Schema& schema) {
  return {schema.input,    schema.image,       schema.classes,   schema.target_width,
          schema.weighted, schema.id_features, schema.id_values, schema.id_names};
}

}  // namespace trireme
