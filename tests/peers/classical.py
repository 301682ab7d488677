"""Holds the linear models against scikit-learn: trained to the end, both must find the same weights.

Trireme minimises mean loss + decay / 2 |w|^2; scikit-learn's terms are brought to that form.
"""
import pathlib
import sys
import tempfile

import numpy
from safetensors.numpy import load_file
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.svm import LinearSVC

from program import ROOT, Tally, train

DECAY = 0.02
TOLERANCE = 2e-3  # relative difference of the weights; single precision against double
CSV = ROOT / "data" / "digits" / "digits.csv.gz"


def digits():
    table = numpy.loadtxt(CSV, delimiter=",", skiprows=1)
    return table[:, 1:] / 16, table[:, 0].astype(int)


def trained(folder, config, samples, *overrides):
    """Weights and bias after full-batch descent until nothing changes."""
    options = ["--data.validation_split=0", "--data.normalize=unit", "--data.scale=16", "--optimizer.name=sgd",
               "--optimizer.momentum=0.9", "--optimizer.nesterov=true", f"--optimizer.weight_decay={DECAY}",
               f"--train.batch_size={samples}", "--train.max_epochs=2200", "--train.eval_every=0",
               "--checkpoint.every_epochs=0", "--export.formats=safetensors"]
    run = train(config, folder, *options, *overrides)
    weights = load_file(run / "export" / "model.safetensors")
    return weights["fc.weight"], weights["fc.bias"]


def same(ours, theirs):
    difference = max(float(numpy.linalg.norm(a - b) / numpy.linalg.norm(b)) for a, b in zip(ours, theirs))
    if not difference <= TOLERANCE:
        raise ValueError(f"weights differ by {difference:.2e} of their norm")
    return f"weights differ by {difference:.2e} of their norm"


def logistic(folder):
    x, y = digits()
    peer = LogisticRegression(C=1 / (DECAY * len(x)), tol=1e-10, max_iter=10000).fit(x, y)
    weight, bias = trained(folder, "digits_mlp", len(x), "--model.preset=logistic_regression", "--optimizer.lr=0.2")
    # A constant added to every class's bias changes no probability: scikit-learn's sum to zero.
    return same((weight, bias - bias.mean()), (peer.coef_, peer.intercept_ - peer.intercept_.mean()))


def ridge(folder):
    x, y = digits()
    peer = Ridge(alpha=DECAY * len(x) / 2).fit(x, y)
    weight, bias = trained(folder, "digits_regression", len(x), "--optimizer.lr=0.02")
    return same((weight[0], bias), (peer.coef_, [peer.intercept_]))


def svm(folder):
    """Threes against eights; both count the bias among the weights to be kept small."""
    x, y = digits()
    chosen = (y == 3) | (y == 8)
    x, y = x[chosen], (y[chosen] == 8).astype(int)
    peer = LinearSVC(C=1 / (DECAY * len(x)), loss="squared_hinge", tol=1e-10, max_iter=1000000, dual=False).fit(x, y)
    two = pathlib.Path(folder).with_suffix(".csv")
    header = "label," + ",".join(f"p{i}" for i in range(64))
    numpy.savetxt(two, numpy.column_stack([y, x * 16]), fmt="%d", delimiter=",", header=header, comments="")
    weight, bias = trained(folder, "digits_mlp", len(x), f"--data.train={two}", "--model.preset=",
                           "--model.layer=fc: dense units=1", "--model.loss=hinge squared=true",
                           "--optimizer.lr=0.02", "--optimizer.decay_all=true")
    return same((weight[0], bias), (peer.coef_[0], peer.intercept_))


def check(tally):
    print("linear models against scikit-learn")
    with tempfile.TemporaryDirectory() as folder:
        for name, function in {"logistic regression": logistic, "ridge regression": ridge, "linear SVM": svm}.items():
            tally.attempt(name, function, str(pathlib.Path(folder) / name.replace(" ", "_")))


if __name__ == "__main__":
    result = Tally()
    check(result)
    sys.exit(1 if result.failed else 0)
