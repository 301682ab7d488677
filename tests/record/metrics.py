#!/usr/bin/env python3
"""Writes tests/model/metrics/recorded_binary.h: metrics of two classes as scikit-learn computes them."""
import pathlib

import numpy
from sklearn import metrics

SAMPLES = 60


def numbers(values, suffix=""):
    return "{" + ", ".join(f"{v:g}{suffix}" for v in values) + "}"


def case(logits, labels, weights):
    p = 1 / (1 + numpy.exp(-logits))
    loss = metrics.log_loss(labels, p, sample_weight=weights, labels=[0, 1])
    rate = numpy.average(labels, weights=weights)
    entropy = -(rate * numpy.log(rate) + (1 - rate) * numpy.log(1 - rate))
    return [metrics.roc_auc_score(labels, logits, sample_weight=weights), loss, loss / entropy,
            numpy.average(p, weights=weights) / rate]


def main():
    random = numpy.random.default_rng(7)
    labels = (random.random(SAMPLES) < 0.3).astype(int)
    logits = numpy.round(4 * (random.normal(size=SAMPLES) + labels - 1)) / 4  # with ties
    weights = random.integers(1, 9, SAMPLES) / 4
    plain, weighted = case(logits, labels, None), case(logits, labels, weights)
    path = pathlib.Path(__file__).parent.parent / "model/metrics/recorded_binary.h"
    path.write_text(f"""#pragma once
// Written by tests/record/metrics.py with scikit-learn.

#include <cstdint>
#include <vector>

namespace trireme::recorded {{

inline const std::vector<float> kLogits = {numbers(logits)};
inline const std::vector<int64_t> kLabels = {numbers(labels)};
inline const std::vector<float> kWeights = {numbers(weights)};
// auc, log_loss, normalized_entropy, calibration
inline const double kPlain[] = {{{", ".join(repr(float(v)) for v in plain)}}};
inline const double kWeighted[] = {{{", ".join(repr(float(v)) for v in weighted)}}};

}}  // namespace trireme::recorded
""")


if __name__ == "__main__":
    main()
