"""Everything that can be checked on a machine with a GPU, in one Markdown section. See launch/gpu_check.sh."""
import argparse
import pathlib
import shutil
import sys
import tempfile
import time
import traceback

import behaviour
import benchmarks
import checks
import tables
from tools import Machine, NotRun

SECTIONS = {
    "device": checks.device,
    "kernels": checks.kernels,
    "gradients": checks.gradients,
    "bits": checks.bits,
    "training": checks.training,
    "ranks": checks.ranks,
    "tables": tables.tables,
    "features": behaviour.features,
    "fp16": behaviour.fp16,
    "checkpoint": behaviour.checkpoint,
    "start": behaviour.start,
    "memory": behaviour.memory,
    "hang": behaviour.hang,
    "sanitizer": checks.sanitizer,
    "benchmarks": benchmarks.all_of_them,
}


def options():
    parser = argparse.ArgumentParser(prog="gpu_check.sh", description=__doc__)
    parser.add_argument("--build", type=pathlib.Path, required=True, help="folder of the built program and plugin")
    parser.add_argument("--only", action="append", choices=SECTIONS, help="a part of the checks; may be given again")
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("gpu_check.md"), help="the section to write")
    parser.add_argument("--torch", default=sys.executable, help="a Python with PyTorch, for the benchmarks' peer")
    parser.add_argument("--device", default="cuda", help=argparse.SUPPRESS)
    return parser.parse_args()


def run_section(name, section, machine, lines):
    start = time.time()
    print(f"== {name}", flush=True)
    passed = True
    try:
        for line in section(machine):
            passed = passed and not line.failed
            lines.append(line.markdown())
            print(f"   {line.markdown()}", flush=True)
    except NotRun as why:
        lines.append(f"- not run: {name}: {why}")
        print(f"   not run: {why}", flush=True)
    except Exception as error:  # the other sections go on
        passed = False
        traceback.print_exc()
        lines.append(f"- **failed**: {name}: {error}")
    print(f"   {time.time() - start:.0f} s", flush=True)
    return passed


def main():
    o = options()
    scratch = pathlib.Path(tempfile.mkdtemp(prefix="gpu_check."))
    machine = Machine(o.build.resolve(), scratch, o.torch, o.out.resolve().parent, o.device)
    lines = [f"## {time.strftime('%Y-%m-%d')}: {machine.title()}", ""]
    passed = True
    for name in o.only or SECTIONS:
        passed = run_section(name, SECTIONS[name], machine, lines) and passed
        o.out.write_text("\n".join(lines) + "\n")
    shutil.rmtree(scratch, ignore_errors=True)
    print(f"{'passed' if passed else 'FAILED'}; {o.out}")
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())
