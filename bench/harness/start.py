"""From the command line to the end of the first training step, against an MPI program that does nothing."""
import time

from harness.compare import Figure, Row
from harness.contender import Contender
from harness.context import BENCH

ABOVE = 0.3  # seconds


def seconds_to_ready(command):
    start = time.perf_counter()
    with Contender(command):
        return time.perf_counter() - start


def first_steps(context):
    """(what, command for a number of ranks) of each start."""
    yield "synthetic data", lambda ranks: context.steps("lenet5", 64, 8, ranks=ranks)
    if context.mnist.exists():
        yield "MNIST (gzip)", lambda ranks: context.mpirun(ranks, context.program("step_bench"),
                                                           BENCH.parent / "configs" / "lenet5.ini")


def measure(context):
    rows = []
    for data, command in first_steps(context):
        for ranks in (1, 2):
            rows.append(start_row(context, f"start to the first step, {data}, {ranks} rank{'s' if ranks > 1 else ''}",
                                  [command(ranks), context.mpirun(ranks, context.program("empty_mpi"))]))
            print(rows[-1], flush=True)
    return rows


def start_row(context, what, commands):
    values = [[seconds_to_ready(command) for command in commands] for _ in range(context.pairs)]
    ours, empty = (Figure(list(column)) for column in zip(*values))
    above = Figure([a - b for a, b in values])
    reached = "yes" if above.median <= ABOVE else f"no: {above.median - ABOVE:.2f} s more"
    return Row(what, f"{ours.text()} s", f"empty MPI program: {empty.text()} s", f"{above.text()} s above",
               f"{ABOVE:g} s above", reached)
