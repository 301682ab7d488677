"""From the command line to the end of the first training step, against an MPI program that does nothing."""
import time

from harness.compare import Figure, Row
from harness.contender import Contender

ABOVE = 0.3  # seconds


def seconds_to_ready(command):
    start = time.perf_counter()
    with Contender(command):
        return time.perf_counter() - start


def measure(context):
    rows = []
    for ranks in (1, 2):
        commands = [context.steps("lenet5", 64, 8, ranks=ranks), context.mpirun(ranks, context.program("empty_mpi"))]
        values = [[], []]
        for _ in range(context.pairs):
            for k, command in enumerate(commands):
                values[k].append(seconds_to_ready(command))
        above = Figure([a - b for a, b in zip(*values)])
        reached = "yes" if above.median <= ABOVE else f"no: {above.median - ABOVE:.2f} s more"
        rows.append(Row(f"start to the first step, {ranks} rank{'s' if ranks > 1 else ''}", f"{Figure(values[0]).text()} s",
                        f"empty MPI program: {Figure(values[1]).text()} s", f"{above.text()} s above", f"{ABOVE:g} s above",
                        reached))
        print(rows[-1], flush=True)
    return rows
