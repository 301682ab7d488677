#pragma once
// What a confusion matrix tells: a heat table, and precision, recall and F1 of each class.

#include <string>
#include <vector>

#include "worker/run_log.h"

namespace trireme {

struct ClassScore {
  std::string name;
  int64_t support = 0;                       // samples of the class
  double precision = 0, recall = 0, f1 = 0;  // NaN where a class was never predicted or never there
};
// confusion: [actual][predicted].
std::vector<ClassScore> class_scores(const EvaluationRecord& record);

// A section with both tables; the heat table up to 30 classes. "" without a confusion matrix.
std::string classes_html(const EvaluationRecord& record);

}  // namespace trireme
