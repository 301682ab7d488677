"""Holds what short runs leave behind against independent readers: ONNX, onnxruntime, safetensors, PyTorch, TensorBoard."""
import json
import pathlib
import sys
import tempfile

import numpy
import onnx
import onnxruntime
import torch
from safetensors.numpy import load_file
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from models import MODELS
from program import Tally, train

ATOL, RTOL = 1e-5, 1e-4
SHORT = ["--train.max_steps=12", "--train.max_epochs=0", "--export.formats=onnx,safetensors"]


def generated(shape, classes=10, samples=64):
    """Overrides that replace a configuration's data with generated samples of that shape."""
    return ["--data.reader=synthetic", f"--data.shape={shape}", f"--data.classes={classes}", f"--data.samples={samples}",
            "--train.batch_size=16"]


# configuration: overrides; every kind of model, on data that is always there
RUNS = {
    "digits_cnn": [],
    "digits_mlp": [],
    "digits_regression": [],
    "digits_two_inputs": [],
    "lenet5": generated("1,28,28"),
    "mnist_cnn": generated("1,28,28"),
    "mnist_svm": generated("1,28,28"),
    "cifar_cnn": generated("3,32,32"),
    "cifar_resnet20": generated("3,32,32"),
    "synthetic_resnet18": generated("3,64,64", classes=1000) + ["--optimizer.lr=0.01"],
    "synthetic_resnet50": generated("3,64,64", classes=1000) + ["--optimizer.lr=0.01"],
}


def largest_difference(got, expected):
    """Raises unless they agree; the absolute part is of the largest output: others may be what large terms left over."""
    numpy.testing.assert_allclose(got, expected, atol=ATOL * max(1, float(numpy.abs(expected).max())), rtol=RTOL)
    return f"largest difference {float(numpy.abs(got - expected).max()):.2e}"


def check_onnx(folder):
    onnx.checker.check_model(onnx.load(folder / "model.onnx"), full_check=True)
    return ""


def check_onnxruntime(folder):
    goldens = load_file(folder / "goldens.safetensors")
    session = onnxruntime.InferenceSession(str(folder / "model.onnx"), providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    for samples in (1, len(goldens["input"])):
        (got,) = session.run(None, {name: goldens["input"][:samples]})
        detail = largest_difference(got, goldens["output"][:samples])
    return detail


def check_pytorch(folder, config):
    """model.safetensors, loaded into the hand-written PyTorch model, gives the recorded outputs."""
    goldens = load_file(folder / "goldens.safetensors")
    weights = {n: torch.from_numpy(w) for n, w in load_file(folder / "model.safetensors").items()}
    module = MODELS[config].build()
    counters = {n for n in module.state_dict() if n.endswith("num_batches_tracked")}
    result = module.load_state_dict(weights, strict=False)
    if result.unexpected_keys or set(result.missing_keys) - counters:
        raise ValueError(f"missing {set(result.missing_keys) - counters}, unexpected {result.unexpected_keys}")
    with torch.no_grad():
        got = module.eval()(torch.from_numpy(goldens["input"])).numpy()
    return largest_difference(got, goldens["output"])


def check_checkpoints(run):
    files = sorted(run.glob("checkpoints/step-*/*.safetensors"))
    tensors = sum(len(load_file(file)) for file in files)
    if not tensors:
        raise ValueError(f"no tensors in {len(files)} files")
    return f"{tensors} tensors in {len(files)} files"


def check_tensorboard(run):
    """TensorBoard's own reader sees every step's loss, as metrics.jsonl has it."""
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    expected = {m["step"]: m["train/loss"] for m in lines if m["kind"] == "step"}
    events = EventAccumulator(str(run), size_guidance={"scalars": 0}).Reload()
    got = {e.step: e.value for e in events.Scalars("train/loss")}
    if not got or got.keys() != expected.keys():
        raise ValueError(f"steps {sorted(got)} in the events, {sorted(expected)} in metrics.jsonl")
    numpy.testing.assert_allclose([got[s] for s in sorted(got)], [expected[s] for s in sorted(got)], rtol=1e-6)
    return f"{len(got)} steps, {len(events.Tags()['scalars'])} curves"


def check(tally, configs):
    print("what short runs leave behind, read by others")
    with tempfile.TemporaryDirectory() as folder:
        for config in configs:
            try:
                run = train(config, pathlib.Path(folder) / config, *SHORT, *RUNS[config], ranks=2)
            except (RuntimeError, ValueError) as error:
                tally.check(f"{config} trains", False, str(error))
                continue
            tally.attempt(f"{config:20} onnx checker", check_onnx, run / "export")
            tally.attempt(f"{config:20} onnxruntime", check_onnxruntime, run / "export")
            tally.attempt(f"{config:20} safetensors in PyTorch", check_pytorch, run / "export", config)
            tally.attempt(f"{config:20} checkpoints", check_checkpoints, run)
            tally.attempt(f"{config:20} TensorBoard", check_tensorboard, run)


if __name__ == "__main__":
    result = Tally()
    check(result, sys.argv[1:] or sorted(RUNS))
    sys.exit(1 if result.failed else 0)
