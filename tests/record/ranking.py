#!/usr/bin/env python3
"""Writes tests/model/metrics/recorded_ranking.h: NDCG as scikit-learn computes it, hit rates by counting."""
import pathlib

import numpy
from sklearn.metrics import ndcg_score

GROUPS, SIZE = 12, 15
CUTS = (1, 3, 10, 50)


def numbers(values):
    return "{" + ", ".join(f"{v:.9g}" for v in values) + "}"


def main():
    random = numpy.random.default_rng(11)
    labels = (random.random((GROUPS, SIZE)) < 0.2).astype(int)
    labels[3] = 0  # a group without a positive
    # No ties within a group: scikit-learn averages over their orders.
    scores = random.permuted(numpy.tile(numpy.arange(SIZE), (GROUPS, 1)), axis=1) / 4 - 2 + labels / 8
    counted = labels.any(1)
    y, s = labels[counted], scores[counted]
    first = numpy.take_along_axis(y, numpy.argsort(-s, axis=1), axis=1)
    hits = [first[:, :k].any(1).mean() for k in CUTS]
    ndcg = [ndcg_score(y, s, k=k) for k in CUTS]
    groups = numpy.repeat(random.permutation(GROUPS) * 1000003 - 5000000, SIZE)
    order = random.permutation(groups.size)
    path = pathlib.Path(__file__).parent.parent / "model/metrics/recorded_ranking.h"
    path.write_text(f"""#pragma once
// Written by tests/record/ranking.py with numpy and scikit-learn.

#include <cstdint>
#include <vector>

namespace trireme::recorded {{

inline const std::vector<int64_t> kGroups = {numbers(groups[order])};
inline const std::vector<float> kScores = {numbers(scores.ravel()[order])};
inline const std::vector<int64_t> kLiked = {numbers(labels.ravel()[order])};
inline const std::vector<int> kCuts = {numbers(CUTS)};
inline const std::vector<double> kHitRates = {{{", ".join(repr(float(v)) for v in hits)}}};
inline const std::vector<double> kNdcg = {{{", ".join(repr(float(v)) for v in ndcg)}}};

}}  // namespace trireme::recorded
""")


if __name__ == "__main__":
    main()
