"""Training steps on the device beside PyTorch's, in turns; the step's rate is given with each."""
import sys

from tools import ROOT, Line

sys.path.insert(0, str(ROOT / "bench"))
from harness.compare import Turn, interleave, ratio, short  # noqa: E402
from harness.contender import Contender  # noqa: E402

# name, batch, our overrides, PyTorch's settings to try, the target ratio over each
CASES = [
    ("lenet5", 64, [], [(), ("--compile", "reduce-overhead")]),
    ("mlp", 64, [], [(), ("--compile", "reduce-overhead")]),
    ("resnet20", 32, [], [(), ("--compile", "reduce-overhead")]),
    ("resnet20", 128, [], [()]),
    ("mnist_cnn", 64, [], [()]),
]
LARGE = [("resnet50", 128, "fp32"), ("resnet50", 256, "bf16")]


def ours(machine, model, batch, *overrides):
    program = machine.program("bench/step_bench", "step_bench")
    return Contender([program, ROOT / "bench" / "experiments" / f"{model}.ini", f"--train.batch_size={batch}",
                      f"--run.device={machine.device}", *overrides], patience=120)


def peer(machine, model, batch, *settings):
    return Contender([machine.torch, ROOT / "bench" / "peers" / "torch_cuda_step.py", model, batch, *settings],
                     cwd=machine.scratch, patience=240)


def describe(model, batch, us, peers):
    text = f"step {model}, batch {batch}: {short(us)} us ({short(1e6 * batch / us)} samples/s)"
    return text + "".join(f"; PyTorch {name}: {times}x" for name, times in peers)


def compare(machine, model, batch, overrides, settings, pairs=3, seconds=0.3):
    """One Line: our step, and how many times longer each setting of PyTorch takes."""
    with ours(machine, model, batch, *overrides) as mine:
        peers, us = [], None
        for setting in settings:
            name = " ".join(setting) or "eager"
            try:
                with peer(machine, model, batch, *setting) as other:
                    a, b = interleave([Turn(mine), Turn(other)], pairs, seconds)
                us = 1e6 * a.median
                peers.append((name, ratio(b, a).text()))
            except RuntimeError as error:
                peers.append((f"{name} (did not run: {str(error).splitlines()[-1][:80]})", "?"))
        if us is None:
            us = 1e6 * interleave([Turn(mine)], pairs, seconds)[0].median
    return Line(describe(model, batch, us, peers))


def all_of_them(machine):
    machine.program("bench/step_bench", "step_bench")
    for model, batch, overrides, settings in CASES:
        yield compare(machine, model, batch, overrides, settings)
    for model, batch, precision in LARGE:
        settings = [("--precision", precision, "--channels-last")]
        try:
            yield compare(machine, model, batch, [f"--train.precision={precision}", "--data.prefetch_threads=6"], settings,
                          pairs=2, seconds=1)
        except RuntimeError as error:
            yield Line(f"step {model}, {precision}: {str(error).splitlines()[-1][:200]}", True)
