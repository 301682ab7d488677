#include "export/evaluation_data.h"

namespace trireme {

std::unique_ptr<DataSource> open_evaluation_data(const Experiment& experiment,
                                                 const Preprocessing& fixed) {
  DataConfig data = experiment.data;
  if (data.validation.empty())
    return std::move(open_data(data, experiment.run.seed, fixed).validation);
  data.train = std::move(data.validation);
  data.train_labels = std::move(data.validation_labels);
  data.validation.clear();
  data.validation_labels.clear();
  data.validation_split = 0;
  return std::move(open_data(data, experiment.run.seed, fixed).train);
}

}  // namespace trireme
