"""Holds loss, output and every gradient of configs/*.ini and of further presets against PyTorch's.

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

from models import MODELS, VARIANTS
from program import ROOT, Tally, run

TOLERANCE = 1e-5
BATCHES = 6
# configuration: data that is not part of the repository
DATA = {"mnist_": "mnist", "lenet5": "mnist", "cifar_": "cifar10"}


def missing_data(config):
    """The folder of the configuration's data where it is absent; None: there, or none is needed."""
    for prefix, name in DATA.items():
        folder = ROOT.parent / "shared" / "data" / name
        if config.startswith(prefix) and not folder.is_dir():
            return folder
    return None


def random_weights(initial):
    """Like the initial values, but with no zeros and ones: those would hide a missing bias or scale."""
    return {name: value + 0.1 * torch.rand_like(value) * (value.abs().mean() + 0.1) if value.is_floating_point() else value
            for name, value in initial.items()}


def random_ids(samples, features, values):
    """Few ids, so that they come again, and of several values some are missing."""
    ids = torch.randint(1 << 62, (12,))[torch.randint(12, (samples, features, values))]
    return ids.where(torch.rand(ids.shape) < 0.7, -1) if values > 1 else ids


def random_batch(model):
    target = torch.randn(model.samples, 1)
    if model.classes:
        target = torch.randint(model.classes, (model.samples,))
    batch = {"target": target}
    if model.shape:
        batch["input"] = torch.randn(model.samples, *model.shape)
    if model.ids:
        batch["ids"] = random_ids(model.samples, *model.ids)
    return batch


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
    inputs = [batch["input"].to(dtype) if model.shape else None]
    if model.ids:
        module.fill(weights, dtype)
        inputs.append(batch["ids"])
    named = dict(module.named_parameters())
    if set(named) != {n for n in weights if not n.endswith(".keys")}:
        raise ValueError(f"parameters differ: {sorted(set(named) ^ set(weights))}")
    module.load_state_dict({n: w.to(dtype) for n, w in weights.items()}, strict=False)
    module.train()
    target = batch["target"] if model.classes else batch["target"].to(dtype)
    output = module(*inputs)
    loss = model.loss(output, target)
    loss.backward()
    gradients = {n: torch.zeros_like(p) if n in model.fixed else p.grad for n, p in named.items()}
    return {"loss": loss.detach(), "output": output.detach(), **gradients}


def relative(got, exact):
    exact = exact.double()
    error = (got.double().reshape(exact.shape) - exact).norm()
    return float(error / exact.norm()) if error > 0 else 0.0


def compare(name, file, overrides, model, weights, folder):
    """On one random batch: (holds, line) for every tensor. Rows of tables are those that the batch looks up."""
    paths = {part: folder / f"{part}.safetensors" for part in ("init", "weights", "batch", "out")}
    batch = random_batch(model)
    save_file(batch_file(model, batch), paths["batch"])
    if model.ids:
        run("gradients", file, *overrides, "--batch", paths["batch"], "--init", paths["init"])
        rows = {n: t for n, t in load_file(paths["init"]).items() if n.startswith("table.")}
        weights = {**weights, **random_weights(rows)}
    save_file(weights, paths["weights"])
    run("gradients", file, *overrides, "--weights", paths["weights"], "--batch", paths["batch"], "--out", paths["out"])
    ours = load_file(paths["out"])
    for table in [n for n in ours if n.endswith(".keys")]:
        if not torch.equal(ours.pop(table), weights[table]):
            raise ValueError(f"{table} are not those of the batch")
    exact, single = (reference(model, weights, batch, dtype) for dtype in (torch.float64, torch.float32))
    if sorted(ours) != sorted(exact):
        raise ValueError(f"tensors differ: {sorted(set(ours) ^ set(exact))}")
    for tensor in sorted(exact):
        error, peer = relative(ours[tensor], exact[tensor]), relative(single[tensor], exact[tensor])
        yield error <= max(TOLERANCE, 2 * peer), f"{name:20} {tensor:32} {error:.2e}, PyTorch fp32 {peer:.2e}"


def made_up_clicks(path):
    """A file with the columns of Criteo's: gradients are of random batches, but the model wants to know its data."""
    columns = ["Id", "Label", *(f"I{i}" for i in range(1, 14)), *(f"C{i}" for i in range(1, 27))]
    rows = [[i, i % 2, *range(i, i + 13), *("ab" for _ in range(26))] for i in range(64)]
    path.write_text("\n".join(",".join(map(str, row)) for row in [columns, *rows]) + "\n")
    return path


def check_config(config, model, folder, tally):
    file = ROOT / "configs" / f"{model.config or config}.ini"
    overrides = list(model.overrides)
    if file.stem.startswith("synthetic_"):
        overrides.append(f"--data.shape={','.join(map(str, model.shape))}")
    if file.stem.startswith("criteo_"):
        overrides += [f"--data.train={made_up_clicks(folder / 'clicks.csv')}"]
    torch.manual_seed(zlib.crc32(config.encode()))
    run("gradients", file, *overrides, "--init", folder / "init.safetensors")
    weights = random_weights(load_file(folder / "init.safetensors"))
    for attempt in range(1, BATCHES + 1):
        results = list(compare(config, file, overrides, model, weights, folder))
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
                check_config(config, {**MODELS, **VARIANTS}[config], pathlib.Path(folder), tally)
            except (RuntimeError, ValueError, OSError) as error:
                tally.check(config, False, str(error))
    known = {p.stem for p in (ROOT / "configs").glob("*.ini")}
    tally.check("every configuration has a peer", known == set(MODELS), str(sorted(known ^ set(MODELS)) or ""))


if __name__ == "__main__":
    result = Tally()
    check(result, sys.argv[1:] or sorted(MODELS) + sorted(VARIANTS))
    sys.exit(1 if result.failed else 0)
