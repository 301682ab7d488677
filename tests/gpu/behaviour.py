"""What a run on the device does besides its steps: fp16's loss scale, checkpoints, the start, memory, a peer that is gone."""
import json
import re
import statistics
import subprocess
import threading
import time

from benchmarks import ours
from checks import last_of, train
from tools import NCCL, ROOT, Line, NotRun, tail

# Adam's state of a perceptron: 138 million parameters, three times 4 bytes each.
LARGE_STATE = """[data]
reader = synthetic
shape = 1x28x28
classes = 10
samples = 65536

[model]
layer = flatten
layer = dense units=11000 activation=relu
layer = dense units=11000 activation=relu
layer = out: dense units=10
loss = softmax_cross_entropy

[train]
batch_size = 4096
max_epochs = 0
max_steps = 1300
precision = bf16
eval_every = 0

[optimizer]
name = adam
lr = 0.0001

[checkpoint]
keep = 1
keep_best = false
every_epochs = 0

[export]
formats =
"""


def metrics(run, kind):
    records = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    return [r for r in records if r.get("kind") == kind]


def notes(run, word):
    return sum(word in r["text"] for r in metrics(run, "note"))


def fp16(machine):
    """As good as fp32 after two epochs."""
    if not (ROOT.parent / "shared" / "data" / "mnist").exists():
        raise NotRun("MNIST is not there")
    accuracy = {}
    for precision in ("fp32", "fp16"):
        run = train(machine, machine.config("mnist_cnn"), f"--run.device={machine.device}", "--train.max_epochs=2",
                    f"--train.precision={precision}", label=f"mnist_cnn.{precision}", timeout=60)
        accuracy[precision] = last_of(run, "validation/accuracy")
    yield Line(f"training, mnist_cnn, fp16, 2 epochs: accuracy {accuracy['fp16']:.4f}, in fp32 {accuracy['fp32']:.4f}; loss scale "
               f"at the end {last_of(run, 'train/loss_scale'):.0f}, {notes(run, 'loss scale')} updates left out for it",
               not accuracy["fp16"] >= accuracy["fp32"] - 0.005)
    run = train(machine, machine.config("mnist_cnn"), f"--run.device={machine.device}", "--train.max_epochs=0",
                "--train.max_steps=100", "--train.precision=fp16", f"--debug.loss_scale={2 ** 40}", label="mnist_cnn.high", timeout=60)
    left_out = notes(run, "loss scale")
    yield Line(f"a loss scale that starts at 2^40: {left_out} updates left out, then {last_of(run, 'train/loss_scale'):.0f}",
               not 0 < left_out < 50)


def checkpoint(machine):
    """Steps with and without a checkpoint: the difference of their times around it. The second save begins when the first is on disk."""
    experiment = machine.scratch / "large_state.ini"
    experiment.write_text(LARGE_STATE)
    run = train(machine, experiment, f"--run.device={machine.device}", "--checkpoint.every_steps=600", label="large_state", timeout=150)
    steps = metrics(run, "step")
    took = {b["step"]: 1e3 * (b["elapsed"] - a["elapsed"]) for a, b in zip(steps, steps[1:]) if b["step"] == a["step"] + 1}
    saving = {b["step"]: 1e3 * (b["time/checkpoint"] - a["time/checkpoint"]) for a, b in zip(steps, steps[1:])}
    if len(took) < 1000:
        raise NotRun(f"metrics.jsonl has only {len(took)} single steps")
    # A step's result is read while the next one runs: what a save costs shows in the results around it.
    usual = statistics.median(took.values())
    for saved in (600, 1200):
        near = [took[s] for s in range(saved - 1, saved + 4) if s in took]
        behind = [took[s] for s in range(saved + 4, saved + 34) if s in took]
        stall, wake = sum(near) - usual * len(near), statistics.median(behind) / usual
        host = sum(saving.get(s, 0) for s in range(saved - 1, saved + 4))
        yield Line(f"checkpoint of 1.5 GiB at step {saved}: steps of {usual:.2f} ms, {stall:.1f} ms longer around it in all, the save's own "
                   f"call {host:.1f} ms; steps while it is written: {100 * (wake - 1):+.1f} %")


def start(machine):
    """From the start of the program to the end of the first step of ResNet-50: cold, with no plan kept, and warm."""
    plans, tuned = f"--cuda.plans={machine.scratch}/plans", "--cuda.tune=true"
    for what, settings in (("no plan kept", (plans,)), ("plans kept", (plans,)), ("plans kept, again", (plans,)),
                           ("engines timed", (plans, tuned)), ("timed engines kept", (plans, tuned))):
        began = time.time()
        with ours(machine, "resnet50", 256, "bf16", settings):
            yield Line(f"first step of resnet50, batch 256, bf16, {what}: {time.time() - began:.1f} s after the start of the program")
    done = machine.run(machine.build / "trireme", "train", ROOT / "bench" / "experiments" / "resnet50.ini", f"--run.device={machine.device}",
                       "--train.batch_size=256", "--train.precision=bf16", "--train.max_steps=1", "--train.max_epochs=0", "--export.formats=",
                       plans, f"--run.dir={machine.scratch}/runs/start", timeout=60)
    parts = re.search(r"start: (.*)", done.stdout + done.stderr)
    yield Line(f"a start of it, plans kept: {parts.group(1) if parts else tail(done.stdout + done.stderr, 4)}", done.returncode != 0)


def features(machine):
    """Averages, clipping, schedules, frozen parameters, weights to start from, early stopping, saving on a signal: as on the CPU."""
    if machine.device != "cuda":
        raise NotRun("it is about the plugin")
    done = machine.run(ROOT / "tests" / "cuda" / "features.sh", machine.build / "trireme", machine.program("libtrireme_cuda.so"),
                       "1e-3", timeout=200, cwd=ROOT)
    apart = re.findall(r"^(\w+): at most (\S+) apart", done.stdout, re.M)
    equal = done.stdout.count("agree bit for bit")
    yield Line(f"features, weights and moments apart from the CPU's: {', '.join(f'{name} {value}' for name, value in apart)}; "
               f"{equal} of 2 trainings that were stopped by a signal and resumed have the bits of one left alone"
               + ("" if done.returncode == 0 else f"; {tail(done.stdout + done.stderr, 8)}"), done.returncode != 0)


def used(machine):
    done = machine.run("nvidia-smi", "--query-gpu=memory.used", "--format=csv,noheader,nounits", timeout=10)
    if done.returncode:
        raise NotRun(tail(done.stderr, 1))
    return int(done.stdout.split()[0])


def memory(machine):
    """Planned, and what the device says is gone."""
    idle, peak, over = used(machine), 0, threading.Event()

    def watch():
        nonlocal peak
        while not over.wait(0.1):
            peak = max(peak, used(machine))
    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        command = [machine.build / "trireme", "train", ROOT / "bench" / "experiments" / "resnet50.ini", f"--run.device={machine.device}",
                   "--train.batch_size=256", "--train.precision=bf16", "--train.max_steps=40", "--train.max_epochs=0",
                   "--export.formats=", f"--run.dir={machine.scratch}/runs/memory"]
        done = machine.run(*command, timeout=100)
    finally:
        over.set()
        watcher.join()
    planned = re.search(r"memory: (.*)", done.stdout + done.stderr)
    yield Line(f"memory of resnet50, batch 256, bf16: planned {planned.group(1) if planned else 'not said'}; in use at most "
               f"{peak / 1024:.1f} GiB more than before: {(peak - idle) / 1024:.1f} GiB, the CUDA context and libraries included",
               done.returncode != 0)


def hang(machine):
    """A collective whose peer does not come is given up."""
    program = machine.program("cuda_device_collectives")
    began = time.time()
    try:
        done = machine.run("mpirun", "-n", 2, "--bind-to", "none", program, "hang", timeout=60, environment=NCCL, cwd=ROOT)
    except subprocess.TimeoutExpired:
        yield Line("a collective whose peer does not come: the wait did not end in 60 s", True)
        return
    if done.returncode == 77:
        raise NotRun(tail(done.stdout, 1))
    said = re.findall(r"ended its wait: (.*)", done.stdout)
    yield Line(f"a collective whose peer does not come, after {time.time() - began:.0f} s: {'; '.join(said) or tail(done.stdout + done.stderr, 4)}",
               done.returncode != 0 or not said)
