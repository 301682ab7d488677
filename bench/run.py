"""Measures Trireme against its peers, turn by turn, and writes the figures into docs/benchmarks.md.

Needs a release build with TRIREME_BENCH=ON and a Python that has torch (bench/run.sh sets both up).
"""
import argparse
import os
import pathlib
import sys
import tempfile

from harness import allreduce, checkpoint, data_parallel, page, roof, servers, start, steps, tables
from harness.context import BENCH, Context

SECTIONS = ("steps", "allreduce", "data_parallel", "checkpoint", "start", "servers", "tables")


def options():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", type=pathlib.Path, default=BENCH.parent / "build", help="folder of the build")
    parser.add_argument("--python", default=os.environ.get("TRIREME_PEERS", BENCH.parent / ".venv-peers/bin/python"),
                        help="a Python with torch; default: $TRIREME_PEERS, then .venv-peers/bin/python")
    parser.add_argument("--only", choices=SECTIONS, action="append", help="repeatable; the page is not rewritten")
    parser.add_argument("--pairs", type=int, default=7, help="interleaved turns of each side")
    parser.add_argument("--seconds", type=float, default=1.0, help="length of a turn")
    parser.add_argument("--quick", action="store_true", help="3 short turns, fewer settings; the page is not rewritten")
    return parser.parse_args()


def measure(context, wanted):
    limits = roof.measure(context)
    print(*limits.rows, sep="\n", flush=True)
    rows = []
    if "steps" in wanted:
        rows += steps.measure(context, limits)
    for section in (allreduce, data_parallel, checkpoint, start, servers, tables):
        if section.__name__.split(".")[-1] in wanted:
            rows += section.measure(context)
    return rows + limits.rows


def main():
    o = options()
    os.environ.update(OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1", PYTHONDONTWRITEBYTECODE="1")
    with tempfile.TemporaryDirectory(dir=o.build, prefix="bench-") as scratch:
        context = Context(o.build.resolve(), str(o.python), pathlib.Path(scratch), 3 if o.quick else o.pairs,
                          0.2 if o.quick else o.seconds, o.quick)
        facts = page.machine(context), page.versions(context)
        rows = measure(context, o.only or SECTIONS)
    command = " ".join(["bench/run.sh", *sys.argv[1:]])
    print(page.section(facts, context, command, rows))
    if not o.only and not o.quick:
        page.rewrite(BENCH.parent / "docs" / "benchmarks.md", page.section(facts, context, command, rows))


if __name__ == "__main__":
    main()
