"""Holds loss, output and every gradient of configs/*.ini against PyTorch's.

The reference is PyTorch in double precision. A gradient passes when its error relative to that, in the norm over the
whole parameter, is at most 1e-5, or twice the error that PyTorch itself makes in single precision. Where rounding
pushes a value over the kink of a ReLU or to another maximum of a pooling, the gradient jumps. That is luck: so a model
that misses is compared again on another batch, on which a wrong gradient would miss as well.
"""
import math
import pathlib
import sys
import tempfile
import zlib

import torch
from safetensors.torch import load_file, save_file

from models import MODELS
from program import ROOT, Tally, run

TOLERANCE = 1e-5
BATCHES = 6
# configuration: data that is not part of the repository
DATA = {"mnist_": "mnist", "lenet5": "mnist", "cifar_": "cifar10"}

# `trireme gradients` has no rows of tables to take weights for yet.
WITH_TABLES = {"criteo_dlrm", "criteo_logistic_ftrl", "synthetic_tables"}


def missing_data(config):
    """The folder of the configuration's data where it is absent; None: there, or none is needed."""
    for prefix, name in DATA.items():
        folder = ROOT.parent / "shared" / "data" / name
        if config.startswith(prefix) and not folder.is_dir():
            return folder
    return None


def random_weights(initial):
    """Like the initial values, but with no zeros and ones: those would hide a missing bias or scale."""
    return {name: value + 0.1 * torch.rand_like(value) * (value.abs().mean() + 0.1) for name, value in initial.items()}


def random_batch(model):
    target = torch.randn(model.samples, 1)
    if model.classes:
        target = torch.randint(model.classes, (model.samples,))
    return {"input": torch.randn(model.samples, *model.shape), "target": target}


def batch_file(model, batch):
    """The batch as the program reads it: several inputs each under its own name."""
    if not model.inputs:
        return batch
    parts = batch["input"].split([math.prod(shape) for shape in model.inputs.values()], 1)
    named = {n: p.reshape(-1, *shape).contiguous() for (n, shape), p in zip(model.inputs.items(), parts)}
    return {"target": batch["target"], **named}


def reference(model, weights, batch, dtype):
    """Loss, output and gradients of the mean loss, in training mode over the whole batch."""
    module = model.build().to(dtype)
    named = dict(module.named_parameters())
    if sorted(named) != sorted(weights):
        raise ValueError(f"parameters differ: {sorted(set(named) ^ set(weights))}")
    module.load_state_dict({n: w.to(dtype) for n, w in weights.items()}, strict=False)
    module.train()
    target = batch["target"] if model.classes else batch["target"].to(dtype)
    output = module(batch["input"].to(dtype))
    loss = model.loss(output, target)
    loss.backward()
    return {"loss": loss.detach(), "output": output.detach(), **{n: p.grad for n, p in named.items()}}


def relative(got, exact):
    exact = exact.double()
    return float((got.double().reshape(exact.shape) - exact).norm() / exact.norm())


def compare(file, overrides, model, weights, folder):
    """On one random batch: (holds, line) for every tensor."""
    paths = {name: folder / f"{file.stem}-{name}.safetensors" for name in ("weights", "batch", "out")}
    batch = random_batch(model)
    save_file(weights, paths["weights"])
    save_file(batch_file(model, batch), paths["batch"])
    run("gradients", file, *overrides, "--weights", paths["weights"], "--batch", paths["batch"], "--out", paths["out"])
    ours = load_file(paths["out"])
    exact, single = (reference(model, weights, batch, dtype) for dtype in (torch.float64, torch.float32))
    if sorted(ours) != sorted(exact):
        raise ValueError(f"tensors differ: {sorted(set(ours) ^ set(exact))}")
    for name in sorted(exact):
        error, peer = relative(ours[name], exact[name]), relative(single[name], exact[name])
        yield error <= max(TOLERANCE, 2 * peer), f"{file.stem:20} {name:32} {error:.2e}, PyTorch fp32 {peer:.2e}"


def check_config(config, folder, tally):
    model, file = MODELS[config], ROOT / "configs" / f"{config}.ini"
    overrides = [f"--data.shape={','.join(map(str, model.shape))}"] if config.startswith("synthetic_") else []
    torch.manual_seed(zlib.crc32(config.encode()))
    run("gradients", file, *overrides, "--init", folder / "init.safetensors")
    weights = random_weights(load_file(folder / "init.safetensors"))
    for attempt in range(1, BATCHES + 1):
        results = list(compare(file, overrides, model, weights, folder))
        if all(holds for holds, _ in results):
            break
    for holds, line in results:
        tally.check(line, holds)
    print(f"      {config}: batch {attempt} of at most {BATCHES}")


def check(tally, configs):
    print("gradients against PyTorch: error relative to double precision, and that of PyTorch in single precision")
    with tempfile.TemporaryDirectory() as folder:
        for config in configs:
            absent = missing_data(config)
            if absent:
                print(f"skip  {config}: {absent} is absent")
                continue
            try:
                check_config(config, pathlib.Path(folder), tally)
            except (RuntimeError, ValueError, OSError) as error:
                tally.check(config, False, str(error))
    known = {p.stem for p in (ROOT / "configs").glob("*.ini")} - WITH_TABLES
    tally.check("every configuration has a peer", known == set(MODELS), str(sorted(known ^ set(MODELS)) or ""))


if __name__ == "__main__":
    result = Tally()
    check(result, sys.argv[1:] or sorted(MODELS))
    sys.exit(1 if result.failed else 0)
