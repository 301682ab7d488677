"""Holds what short runs leave behind against independent readers: ONNX, onnxruntime, safetensors, PyTorch, TensorBoard."""
import json
import pathlib
import sys
import tempfile

import numpy
import onnx
import onnx.numpy_helper
import onnxruntime
import torch
from safetensors.numpy import load_file
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from models import MODELS
from program import Tally, train
from recommenders import Table

ATOL, RTOL = 1e-5, 1e-4
onnxruntime.set_default_logger_severity(3)  # keys of tables are for the caller: no node of the graph reads them
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
    "synthetic_tables": [],
    "movielens_style_mf": [],
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


def rows_of(ids, model, name):
    """What the caller of an export has to do for an input LAYER/rows: numbers of the ids' rows, n where there is none."""
    (gather,) = [n for n in model.graph.node if n.op_type == "Gather" and n.input[1] == name]
    stored = {t.name: onnx.numpy_helper.to_array(t) for t in model.graph.initializer}
    keys = stored[gather.input[0].removesuffix("rows") + "keys"]
    shared = next(p.value for p in model.metadata_props if p.key == "trireme.shared_tables").split(",")
    table = Table(per_feature=gather.input[0].split(".")[1] not in shared)
    wanted = table.keys_of(torch.from_numpy(ids)).numpy()
    places = numpy.searchsorted(keys, wanted).clip(max=len(keys) - 1)
    return numpy.where((ids >= 0) & (keys[places] == wanted), places, len(keys))


def check_onnxruntime(folder):
    goldens = load_file(folder / "goldens.safetensors")
    model = onnx.load(folder / "model.onnx")
    session = onnxruntime.InferenceSession(str(folder / "model.onnx"), providers=["CPUExecutionProvider"])
    for samples in (1, len(goldens["output"])):
        given = {n: values[:samples] for n, values in goldens.items()}
        feeds = {i.name: rows_of(given["ids"], model, i.name) if i.name.endswith("/rows") else given["input"]
                 for i in session.get_inputs()}
        (got,) = session.run(None, feeds)
        detail = largest_difference(got, given["output"])
    return detail


def check_pytorch(folder, config):
    """model.safetensors, loaded into the hand-written PyTorch model, gives the recorded outputs."""
    goldens = load_file(folder / "goldens.safetensors")
    weights = {n: torch.from_numpy(w) for n, w in load_file(folder / "model.safetensors").items()}
    module, inputs = MODELS[config].build(), [torch.from_numpy(goldens[n]) if n in goldens else None for n in ("input", "ids")]
    if MODELS[config].ids:
        module.fill(weights, torch.float32)
    else:
        counters = {n for n in module.state_dict() if n.endswith("num_batches_tracked")}
        result = module.load_state_dict(weights, strict=False)
        if result.unexpected_keys or set(result.missing_keys) - counters:
            raise ValueError(f"missing {set(result.missing_keys) - counters}, unexpected {result.unexpected_keys}")
        inputs.pop()
    with torch.no_grad():
        got = module.eval()(*inputs).numpy()
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
