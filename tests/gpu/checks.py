"""Whether a device computes what the CPU computes, every time the same, and trains."""
import hashlib
import json
import re

import numpy as np
from safetensors.numpy import load_file, save_file

from tools import NCCL, ROOT, Line, NotRun, newest_run, tail

# Largest relative error of a tensor (Frobenius norms) against the CPU's fp32: enough to see that the right thing is
# computed, the kernel tests say how well. Where ReLU and pooling decide by the last bit, fp32 itself is not stable: what
# two instruction levels of the CPU differ by is added then. cuDNN's Winograd engines round more than others.
TOLERANCE = {"fp32": 2e-3, "tf32": 0.25, "bf16": 0.8}
SMALL = {"digits_mlp": (1, 8, 8), "digits_cnn": (1, 8, 8), "lenet5": (1, 28, 28), "mnist_cnn": (1, 28, 28),
         "mnist_mlp": (1, 28, 28), "mnist_logistic": (1, 28, 28), "mnist_svm": (1, 28, 28),
         "cifar_cnn": (3, 32, 32), "cifar_resnet20": (3, 32, 32)}


def device(machine):
    yield Line(f"`trireme devices`: {tail(machine.trireme('devices'), 4)}")
    done = machine.run("nvidia-smi", "--query-gpu=name,driver_version,memory.total,clocks.max.sm", "--format=csv,noheader")
    yield Line(f"nvidia-smi: {done.stdout.strip()}")
    yield Line(f"`trireme --version`: {tail(machine.trireme('--version'))}")


def kernels(machine):
    program = machine.program("tests/kernels_device_tests", "kernels_device_tests")
    for precision in ("fp32", "tf32", "bf16", "fp16"):
        # In tf32 only the libraries compute otherwise; what the other tests expect is fp32.
        only = ["--gtest_filter=*ConvTest*:*MatmulTest*"] if precision == "tf32" else []
        done = machine.run(program, machine.program("libtrireme_cuda.so"), precision, *only, timeout=200, cwd=ROOT)
        if done.returncode == 77:
            raise NotRun(tail(done.stdout + done.stderr, 1))
        summary = re.findall(r"^\[  (?:PASSED|SKIPPED|FAILED) +\] \d+ tests?", done.stdout, re.M)
        yield Line(f"kernel tests on the device, {precision}: {'; '.join(summary)}", done.returncode != 0)
        if done.returncode:
            (machine.notes / f"kernels_{precision}.txt").write_text(done.stdout + done.stderr)
            print("\n".join(line for line in (done.stdout + done.stderr).splitlines()
                            if not re.match(r"\[ +(RUN|OK) ", line))[-5000:])


def made_up_batch(machine, name, shape, samples):
    random = np.random.default_rng(7)
    path = machine.scratch / f"{name}.batch.safetensors"
    save_file({"input": random.standard_normal((samples, *shape), dtype=np.float32),
               "target": random.integers(0, 10, samples)}, path)
    return path


def experiment_on_synthetic_data(machine, name, shape, samples=512):
    """A copy of the experiment without its [data]: synthetic samples of that shape."""
    text = machine.config(name).read_text()
    text = re.sub(r"\[data\].*?(?=^\[)", "", text, flags=re.S | re.M)
    data = (f"[data]\nreader = synthetic\nshape = {'x'.join(map(str, shape))}\nclasses = 10\n"
            f"samples = {samples}\nvalidation_samples = 64\n\n")
    path = machine.scratch / f"{name}.ini"
    path.write_text(data + text)
    return path


def worst(found, expected):
    """(name, relative error) of the tensor that differs most."""
    worst_of = ("", 0.0)
    for name, wanted in expected.items():
        difference = float(np.linalg.norm((found[name].astype(np.float64) - wanted).ravel())
                           / (np.linalg.norm(wanted.astype(np.float64).ravel()) or 1.0))
        if not difference <= worst_of[1]:
            worst_of = (name, difference)
    return worst_of


def gradients_of(machine, name, experiment, batch, precisions, *init):
    """Against the CPU's, in each precision. init: what `gradients --init` needs beside the experiment."""
    weights = machine.scratch / f"{name}.weights"
    machine.trireme("gradients", experiment, "--init", weights, *init)
    results = {}
    for place in ("cpu", "baseline", *precisions):
        out = machine.scratch / f"{name}.{place}"
        where = {"cpu": ["--run.device=cpu"], "baseline": ["--run.device=cpu", "--run.cpu_level=baseline"]}.get(
            place, [f"--run.device={machine.device}", f"--train.precision={place}"])
        machine.trireme("gradients", experiment, "--weights", weights, "--batch", batch, "--out", out, *where)
        results[place] = load_file(out)
    _, noise = worst(results["baseline"], results["cpu"])
    for precision in precisions:
        tensor, difference = worst(results[precision], results["cpu"])
        yield Line(f"gradients, {name}, {precision}: {len(results['cpu'])} tensors, largest relative error {difference:.1e} "
                   f"({tensor}); the CPU's instruction levels: {noise:.1e}",
                   not difference <= TOLERANCE[precision] + 5 * noise)


def gradients(machine, precisions=("fp32", "tf32", "bf16")):
    for name, shape in SMALL.items():
        experiment = experiment_on_synthetic_data(machine, name, shape)
        yield from gradients_of(machine, name, experiment, made_up_batch(machine, name, shape, 24), precisions)


def digest_of(run):
    weights = next(run.glob("export/**/model.safetensors"))
    return hashlib.sha256(b"".join(np.ascontiguousarray(t).tobytes() for _, t in sorted(load_file(weights).items())))\
        .hexdigest()[:16]


def last_of(run, key):
    values = [json.loads(line).get(key) for line in (run / "metrics.jsonl").read_text().splitlines()]
    return next((v for v in reversed(values) if v is not None), None)


def train(machine, experiment, *overrides, label, ranks=0, environment=None, timeout=200):
    folder = machine.scratch / "runs" / label
    command = [machine.build / "trireme", "train", experiment, f"--run.dir={folder}", *overrides]
    command = ["mpirun", "-n", ranks, "--bind-to", "none", *command] if ranks else command
    done = machine.run(*command, timeout=timeout, environment=environment)
    if done.returncode:
        raise RuntimeError(f"{label}: exit {done.returncode}: {(done.stdout + done.stderr)[-2000:]}")
    return newest_run(folder)


def bits_of(machine, name, experiment, *more):
    common = [f"--run.device={machine.device}", *more, "--export.formats=safetensors"]
    first = train(machine, experiment, *common, label=f"{name}.first")
    again = train(machine, experiment, *common, label=f"{name}.again")
    eager = train(machine, experiment, *common, "--cuda.graph=false", label=f"{name}.eager")
    middle = sorted((first / "checkpoints").glob("step-*"))[0]
    machine.trireme("train", experiment, *common, f"--run.dir={machine.scratch}/runs/{name}.resumed",
                    f"--resume={middle}")
    resumed = newest_run(machine.scratch / "runs" / f"{name}.resumed") \
        if (machine.scratch / "runs" / f"{name}.resumed").exists() else first
    wanted = digest_of(first)
    for what, run in (("a second run", again), ("without a CUDA graph", eager)):
        yield Line(f"bits, {name}: {what}: weights {'equal' if digest_of(run) == wanted else 'differ'}",
                   digest_of(run) != wanted)
    exports = sorted(resumed.glob("export*/**/model.safetensors"), key=lambda p: p.stat().st_mtime)
    same = load_file(exports[-1])
    equal = all(np.array_equal(t, same[k]) for k, t in load_file(next(again.glob("export/**/model.safetensors"))).items())
    yield Line(f"bits, {name}: resumed from {middle.name}: weights {'equal' if equal else 'differ'}", not equal)


def bits(machine):
    """The same weights from run to run, recorded and not, resumed and not."""
    for name, shape in (("digits_mlp", (1, 8, 8)), ("digits_cnn", (1, 8, 8)), ("cifar_resnet20", (3, 32, 32))):
        experiment = experiment_on_synthetic_data(machine, name, shape)
        yield from bits_of(machine, name, experiment, "--train.max_epochs=4", "--checkpoint.every_epochs=2")


def training(machine):
    for name, epochs, least in (("digits_cnn", 20, 0.95), ("mnist_cnn", 2, 0.975), ("lenet5", 2, 0.97)):
        needs = ROOT.parent / "shared" / "data" / "mnist"
        if name != "digits_cnn" and not needs.exists():
            yield Line(f"training, {name}: not run: {needs} is not there")
            continue
        results = {}
        for place in (machine.device, "cpu") if name == "digits_cnn" else (machine.device,):
            run = train(machine, machine.config(name), f"--run.device={place}", f"--train.max_epochs={epochs}",
                        label=f"{name}.{place}")
            results[place] = (last_of(run, "validation/accuracy"), last_of(run, "train/samples_per_second"))
        accuracy, speed = results[machine.device]
        other = f"; on the CPU {results['cpu'][0]:.4f}" if "cpu" in results else ""
        yield Line(f"training, {name}, {epochs} epochs: accuracy {accuracy:.4f}{other}; {speed:.0f} samples/s",
                   not accuracy >= least)


def two_ranks(machine, name, experiment, what="", *more, tolerance=1e-3):
    common = [f"--run.device={machine.device}", "--train.max_steps=6", "--train.max_epochs=0", "--export.formats=safetensors"]
    alone = train(machine, experiment, *common, label=f"{name}.one")
    both = train(machine, experiment, *common, "--run.device_ids=0,0", *more, label=f"{name}.two{what}", ranks=2,
                 environment=NCCL)
    tensor, difference = worst(load_file(next(both.glob("export/**/model.safetensors"))),
                               load_file(next(alone.glob("export/**/model.safetensors"))))
    return Line(f"two ranks on one device, {name}{what}: weights after 6 steps differ from one rank's by {difference:.1e} "
                f"({tensor})", not difference <= tolerance)


def ranks(machine):
    """Two ranks on one device, by NCCL, against one."""
    for name, shape in (("digits_mlp", (1, 8, 8)), ("digits_cnn", (1, 8, 8))):
        experiment = experiment_on_synthetic_data(machine, name, shape)
        yield two_ranks(machine, name, experiment)
        yield two_ranks(machine, name, experiment, ", gradients summed in bf16", "--run.reproducible=false",
                        "--cuda.reduce_type=bf16", tolerance=4e-2)


def memcheck(machine, name, experiment):
    import shutil
    program = shutil.which("compute-sanitizer") or "/usr/local/cuda/bin/compute-sanitizer"
    if not shutil.which(program):
        raise NotRun("compute-sanitizer is not there")
    done = machine.run(program, "--tool", "memcheck", machine.build / "trireme", "train", experiment, f"--run.device={machine.device}",
                       "--train.max_steps=3", "--train.max_epochs=0", "--export.formats=", f"--run.dir={machine.scratch}/runs/memcheck",
                       timeout=180)
    summary = re.findall(r"ERROR SUMMARY: .*", done.stdout + done.stderr)
    if not summary:
        raise NotRun(tail(done.stdout + done.stderr, 3))
    return Line(f"compute-sanitizer memcheck, 3 steps of {name}: {summary[-1]}", "0 errors" not in summary[-1])


def sanitizer(machine):
    yield memcheck(machine, "digits_cnn", experiment_on_synthetic_data(machine, "digits_cnn", (1, 8, 8)))
