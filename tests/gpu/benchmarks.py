"""Training steps on the device beside PyTorch's, in turns."""
import concurrent.futures
import sys

from tools import ROOT, Line

sys.path.insert(0, str(ROOT / "bench"))
from harness.compare import Turn, interleave, ratio, short  # noqa: E402
from harness.contender import Contender  # noqa: E402

# model, batch, precision of both (tf32 is what PyTorch takes for convolutions unless told otherwise), PyTorch's settings
EAGER, GRAPHS = (), ("--compile", "reduce-overhead")
LAST = ("--channels-last",)
CASES = [
    ("lenet5", 64, "tf32", [EAGER, GRAPHS]),
    ("mlp", 64, "tf32", [EAGER, GRAPHS]),
    ("mnist_cnn", 64, "tf32", [EAGER]),
    ("resnet20", 32, "tf32", [EAGER, GRAPHS]),
    ("resnet20", 32, "bf16", [LAST, (*LAST, *GRAPHS)]),
    ("resnet50", 256, "bf16", [LAST, (*LAST, *GRAPHS)]),
]
LARGE = {"resnet50"}


def ours(machine, model, batch, precision, settings=("--cuda.tune=true",)):
    program = machine.program("bench/step_bench", "step_bench")
    return Contender([program, ROOT / "bench" / "experiments" / f"{model}.ini", f"--train.batch_size={batch}",
                      f"--run.device={machine.device}", f"--train.precision={precision}", *settings], patience=120)


def peer(machine, model, batch, precision, setting):
    return Contender([machine.torch, ROOT / "bench" / "peers" / "torch_cuda_step.py", model, batch,
                      "--precision", precision, *setting], cwd=machine.scratch, patience=200)


def start_peers(machine):
    """All of PyTorch's programs, by case and setting: they compile side by side. What did not start is its last words."""
    wanted = [(case[:3], setting) for case in CASES for setting in case[3]]
    with concurrent.futures.ThreadPoolExecutor(len(wanted)) as pool:
        started = {key: pool.submit(peer, machine, *key[0], key[1]) for key in wanted}
    return {key: future.exception() or future.result() for key, future in started.items()}


def compare(machine, case, peers):
    model, batch, precision, settings = case
    pairs, seconds = (2, 1) if model in LARGE else (3, 0.3)
    with ours(machine, model, batch, precision) as mine:
        us, beside = None, ""
        for setting in settings:
            name, other = " ".join(setting) or "eager", peers[(case[:3], setting)]
            if isinstance(other, Exception):
                beside += f"; PyTorch {name} did not run: {str(other).strip().splitlines()[-1][:100]}"
                continue
            a, b = interleave([Turn(mine), Turn(other)], pairs, seconds)
            us = 1e6 * a.median
            beside += f"; PyTorch {name}: {short(1e6 * b.median)} us, {ratio(b, a).text()}x"
        if us is None:
            us = 1e6 * interleave([Turn(mine)], pairs, seconds)[0].median
    return Line(f"step of {model}, batch {batch}, {precision}: {short(us)} us, {short(1e6 * batch / us)} samples/s{beside}")


def all_of_them(machine):
    machine.program("bench/step_bench", "step_bench")
    peers = start_peers(machine)
    try:
        for case in CASES:
            yield compare(machine, case, peers)
    finally:
        for other in peers.values():
            if not isinstance(other, Exception):
                other.stop()
