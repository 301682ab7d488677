"""Models with embedding tables: rows on the host, all else on the device."""
import numpy as np
from safetensors.numpy import save_file

from checks import bits_of, gradients_of, last_of, memcheck, train, two_ranks
from tools import Line

NAME = "synthetic_tables"


def batch(machine, samples=64):
    random = np.random.default_rng(7)
    path = machine.scratch / f"{NAME}.batch.safetensors"
    save_file({"input": random.standard_normal((samples, 4), dtype=np.float32),
               "ids": random.integers(-1, 60, (samples, 5, 2)), "target": random.integers(0, 2, samples)}, path)
    return path


def tables(machine):
    experiment = machine.config(NAME)
    given = batch(machine)
    yield from gradients_of(machine, NAME, experiment, given, ("fp32", "tf32", "bf16"), "--batch", given)
    results = {}
    for place in (machine.device, "cpu"):
        run = train(machine, experiment, f"--run.device={place}", label=f"{NAME}.{place}")
        results[place] = (last_of(run, "validation/accuracy"), last_of(run, "train/samples_per_second"))
    accuracy, speed = results[machine.device]
    yield Line(f"training, {NAME}: accuracy {accuracy:.4f}, on the CPU {results['cpu'][0]:.4f}; {speed:.0f} samples/s, on the "
               f"CPU {results['cpu'][1]:.0f}", not accuracy >= results["cpu"][0] - 0.01)
    yield from bits_of(machine, NAME, experiment, "--train.max_epochs=2", "--checkpoint.every_epochs=1")
    yield two_ranks(machine, NAME, experiment)
    yield memcheck(machine, NAME, experiment)
