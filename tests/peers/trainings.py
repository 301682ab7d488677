"""Holds whole trainings of configs/criteo_*.ini against references in double precision, step by step.

From the program's initial weights and in its order of samples: DLRM in PyTorch, logistic regression with FTRL-proximal
as algorithm 1 of McMahan et al. (KDD 2013) writes it, by coordinate, on the mean gradient of a batch. The loss of every
step and the predictions for other samples must agree within what single precision gives: TOLERANCE, relative.

Adagrad's sums start at 1e-8, not at 0: from 0, the first step of an element is lr times the sign of its gradient, and a
gradient that is rounding alone moves a row by all of lr. In PyTorch, too: single and double precision part at step 16.
"""
import json
import pathlib
import sys
import tempfile

import numpy
import torch
from safetensors.torch import load_file, save_file
from torch.nn import functional as F

from clicks import Clicks, batches
from models import MODELS
from program import ROOT, Tally, run, train

DATA = ROOT.parent / "shared" / "data" / "criteo"
TOLERANCE = {"losses": 1e-5, "predictions": 1e-4}
ADAGRAD = {"lr": 0.01, "eps": 1e-10, "initial_accumulator_value": 1e-8}
STEPS = 80
SERVED = ["--exchange.name=parameter_server"]
# what: ranks, overrides
EXCHANGES = {"1 rank": (0, []), "2 workers, 1 server": (3, SERVED),
             "the same, dense by all-reduce": (3, SERVED + ["--exchange.dense=all_reduce"])}


def losses_and_predictions(config, folder, overrides, ranks):
    """What the program does: the loss of each step and the probabilities for DATA's other file."""
    options = ["--data.validation_split=0", "--train.monitor=train/loss", f"--train.max_steps={STEPS}",
               "--train.max_epochs=0", "--checkpoint.every_epochs=0", "--export.formats=safetensors"]
    directory = train(config, folder / "run", *options, *overrides, ranks=ranks)
    lines = [json.loads(line) for line in (directory / "metrics.jsonl").read_text().splitlines()]
    losses = {m["step"]: m["train/loss"] for m in lines if m["kind"] == "step"}
    if sorted(losses) != list(range(1, STEPS + 1)):
        raise ValueError(f"metrics.jsonl has steps {sorted(losses)}")
    output = folder / "predictions.npy"
    run("predict", directory / "export", "--input", DATA / "test.tiny.csv", "--output", output)
    return [losses[step] for step in sorted(losses)], numpy.load(output)[:, 1].astype(float)


class RowwiseAdagrad:
    """One sum a row, of its mean squared gradient."""

    def __init__(self, rows, lr, eps, initial_accumulator_value):
        self.rows, self.lr, self.eps = rows, lr, eps
        self.sum = torch.full((len(rows), 1), initial_accumulator_value, dtype=rows.dtype)

    def step(self):
        self.sum += (self.rows.grad ** 2).mean(1, keepdim=True)
        self.rows.data -= self.lr * self.rows.grad / (self.sum.sqrt() + self.eps)


def dlrm(data, other, folder, rowwise=False):
    """PyTorch's Adagrad on all parameters, rows that a batch does not touch among them: their gradient is 0."""
    save_file({"ids": data.ids}, folder / "ids.safetensors")
    run("gradients", ROOT / "configs" / "criteo_dlrm.ini", "--batch", folder / "ids.safetensors", "--init",
        folder / "init.safetensors")
    module = MODELS["criteo_dlrm"].build().double()
    module.fill(load_file(folder / "init.safetensors"), torch.float64)
    rows = module.table["emb"].rows
    optimizers = [torch.optim.Adagrad([p for p in module.parameters() if not (rowwise and p is rows)], **ADAGRAD)]
    if rowwise:
        optimizers.append(RowwiseAdagrad(rows, **ADAGRAD))
    losses = []
    for batch in batches(len(data), 128, STEPS):
        module.zero_grad()
        output = module(data.columns[batch], data.ids[batch])[:, 0]
        loss = F.binary_cross_entropy_with_logits(output, data.labels[batch].double())
        loss.backward()
        for optimizer in optimizers:
            optimizer.step()
        losses.append(loss.item())
    with torch.no_grad():
        return losses, torch.sigmoid(module(other.columns, other.ids)[:, 0]).numpy()


class Ftrl:
    """Algorithm 1, all coordinates at once; those with a gradient of 0 stay as they are."""

    def __init__(self, size, alpha, beta, l1, l2):
        self.alpha, self.beta, self.l1, self.l2 = alpha, beta, l1, l2
        self.z, self.n = numpy.zeros(size), numpy.zeros(size)

    def weights(self):
        divisor = (self.beta + numpy.sqrt(self.n)) / self.alpha + self.l2
        return numpy.where(numpy.abs(self.z) <= self.l1, 0, -(self.z - numpy.sign(self.z) * self.l1) / divisor)

    def step(self, g):
        sigma = (numpy.sqrt(self.n + g ** 2) - numpy.sqrt(self.n)) / self.alpha
        self.z += g - sigma * self.weights()
        self.n += g ** 2


def logistic_ftrl(data, other, _):
    """A weight for each pair of feature and id, and a bias, on which there is no l1."""
    pairs = {}
    for sample in data.ids[:, :, 0].tolist():
        for pair in enumerate(sample):
            pairs.setdefault(pair, len(pairs))
    absent = len(pairs)  # a coordinate that stays 0
    def coordinates(ids):
        return numpy.array([[pairs.get(pair, absent) for pair in enumerate(sample)] for sample in ids[:, :, 0].tolist()])
    weights, bias = Ftrl(absent + 1, 0.5, 1, 0.0001, 0), Ftrl(1, 0.5, 1, 0, 0)
    x, labels, losses = coordinates(data.ids), data.labels.numpy(), []
    for batch in batches(len(data), 32, STEPS):
        y = labels[batch.numpy()]
        logits = weights.weights()[x[batch.numpy()]].sum(1) + bias.weights()
        losses.append(float((numpy.logaddexp(0, logits) - y * logits).mean()))
        slopes = (1 / (1 + numpy.exp(-logits)) - y) / len(y)
        g = numpy.zeros(absent + 1)
        numpy.add.at(g, x[batch.numpy()], slopes[:, None])
        weights.step(g)
        bias.step(slopes.sum())
    logits = weights.weights()[coordinates(other.ids)].sum(1) + bias.weights()
    return losses, 1 / (1 + numpy.exp(-logits))


# name: configuration, overrides, reference
TRAININGS = {
    "dlrm, adagrad": ("criteo_dlrm", ["--optimizer.initial_accumulator=1e-8"], dlrm),
    "dlrm, row-wise adagrad": ("criteo_dlrm",
                               ["--optimizer.initial_accumulator=1e-8", "--optimizer.rowwise=true"],
                               lambda *a: dlrm(*a, rowwise=True)),
    "logistic, ftrl": ("criteo_logistic_ftrl", [], logistic_ftrl),
}


def compare(ours, reference):
    losses, predictions = (numpy.abs(numpy.array(a) / numpy.array(b) - 1) for a, b in zip(ours, reference))
    line = (f"losses of {len(losses)} steps differ by at most {losses.max():.1e} (step {losses.argmax() + 1}), "
            f"{len(predictions)} predictions by {predictions.max():.1e}")
    if not (losses.max() <= TOLERANCE["losses"] and predictions.max() <= TOLERANCE["predictions"]):
        raise ValueError(line)
    return line


def check(tally, names):
    print("trainings against references in double precision, relative differences")
    if not DATA.is_dir():
        print(f"skip  {', '.join(names)}: {DATA} is absent")
        return
    data = Clicks(DATA / "train.tiny.csv")
    other = Clicks(DATA / "test.tiny.csv", like=data)
    for name in names:
        config, overrides, function = TRAININGS[name]
        with tempfile.TemporaryDirectory() as folder:
            reference = function(data, other, pathlib.Path(folder))
            for exchange, (ranks, more) in EXCHANGES.items():
                tally.attempt(f"{name:22} {exchange:29}", lambda: compare(
                    losses_and_predictions(config, pathlib.Path(folder), overrides + more, ranks), reference))


if __name__ == "__main__":
    result = Tally()
    check(result, sys.argv[1:] or list(TRAININGS))
    sys.exit(1 if result.failed else 0)
