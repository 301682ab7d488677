#!/usr/bin/env python3
"""Checks the machine code of our CUDA kernels without a GPU.

usage: check_kernels.py --tools DIR --table kernels.json [--update] FILE...

FILE: the plugin, or objects of it, with code for sm_90. For every kernel: no memory local to a thread (spills),
registers and shared memory within the table, and the 128-bit loads and stores that the table says. --update writes the
table anew, with the occupancy that follows; a change of it is then seen in review.
Exit code 77 (skipped) where DIR lacks cuobjdump or nvdisasm.
"""
import argparse
import json
import os
import pathlib
import re
import subprocess
import sys

ARCH = "sm_90"
# Of a multiprocessor of compute capability 9.0 (CUDA C++ Programming Guide, technical specifications).
REGISTERS, WARPS, BLOCKS, SHARED = 65536, 64, 32, 227 * 1024
REGISTER_UNIT = 256  # registers are given to a warp in this unit
SHARED_PER_BLOCK = 1024  # the driver's own
BLOCK = {"conclude_step_kernel": 1024}  # threads of a block where it is not 256
SKIPPED = 77


def run(tools, *words):
    path = f"{tools}:{os.environ.get('PATH', '')}"  # cuobjdump looks for nvdisasm there
    return subprocess.run([str(tools / "cuobjdump"), *words], check=True, text=True, capture_output=True,
                          env={**os.environ, "PATH": path}).stdout


def demangle(names):
    if not names:
        return []
    text = subprocess.run(["c++filt"], input="\n".join(names), check=True, text=True, capture_output=True).stdout
    return [short(name) for name in text.splitlines()]


def short(name):
    """The kernel's name and template arguments, without namespaces, return type and parameters."""
    name = name.replace("(anonymous namespace)::", "").replace("trireme::cu::", "").replace("trireme::", "")
    name = name.removeprefix("void ")
    depth = 0
    for i, c in enumerate(name):
        depth += (c == "<") - (c == ">")
        if c == "(" and depth == 0:
            return name[:i]
    return name


def resources(text):
    """{mangled name: (registers, static shared bytes)} of what cuobjdump --dump-resource-usage printed."""
    found = {}
    for name, line in re.findall(r"Function ([\w$]+):\s*\n\s*(REG:.*)", text):
        values = dict(re.findall(r"(\w+):(\d+)", line))
        found[name] = (int(values["REG"]), int(values["SHARED"]))
    return found


def code(text):
    """{mangled name: machine code} of what cuobjdump -sass printed."""
    parts = re.split(r"^\s*Function : (\S+)\s*$", text, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2]))


def occupancy(name, registers, shared):
    """Share of a multiprocessor's warps that can be resident."""
    block = BLOCK.get(name.split("<")[0], 256) // 32
    a_warp = -(-registers * 32 // REGISTER_UNIT) * REGISTER_UNIT
    blocks = min(BLOCKS, WARPS // block, REGISTERS // (a_warp * block), SHARED // (shared + SHARED_PER_BLOCK))
    return blocks * block / WARPS


def kernels_of(tools, files):
    kernels, spilling = {}, []
    for file in files:
        usage = resources(run(tools, "--dump-resource-usage", "-arch", ARCH, file))
        sass = code(run(tools, "-sass", "-arch", ARCH, file))
        names = list(usage)
        for mangled, name in zip(names, demangle(names)):
            registers, shared = usage[mangled]
            lines = sass[mangled]
            if re.search(r"\b(LDL|STL)\b", lines):
                spilling.append(name)
            kernels[name] = {
                "registers": registers,
                "shared": shared,
                "occupancy": occupancy(name, registers, shared),
                "loads_128": "LDG.E.128" in lines,
                "stores_128": "STG.E.128" in lines,
            }
    return kernels, spilling


def problems_of(kernels, spilling, table):
    for name in spilling:
        yield f"{name}: uses memory local to a thread (LDL, STL)"
    for name in sorted(kernels.keys() - table.keys()):
        yield f"{name}: not in the table"
    for name in sorted(table.keys() - kernels.keys()):
        yield f"{name}: in the table, but not in the code"
    for name in sorted(table.keys() & kernels.keys()):
        have, want = kernels[name], table[name]
        for what in ("registers", "shared"):
            if have[what] > want[what]:
                yield f"{name}: {have[what]} {what}, the table allows {want[what]}"
        for what in ("loads_128", "stores_128"):
            if want[what] and not have[what]:
                yield f"{name}: lost its 128-bit {what[:-4]}"


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("--tools", type=pathlib.Path, required=True)
    parser.add_argument("--table", type=pathlib.Path, required=True)
    parser.add_argument("--update", action="store_true")
    parser.add_argument("files", nargs="+")
    options = parser.parse_args()
    missing = [tool for tool in ("cuobjdump", "nvdisasm") if not (options.tools / tool).exists()]
    if missing:
        print(f"SKIPPED: no {' and '.join(missing)} in {options.tools}: run launch/setup.sh --dev")
        sys.exit(SKIPPED)
    kernels, spilling = kernels_of(options.tools, options.files)
    if not kernels:
        sys.exit(f"no kernels for {ARCH} in {' '.join(options.files)}")
    if options.update:
        rows = [f"  {json.dumps(name)}: {json.dumps(kernels[name])}" for name in sorted(kernels)]
        options.table.write_text("{\n" + ",\n".join(rows) + "\n}\n", encoding="utf-8")
    problems = list(problems_of(kernels, spilling, json.loads(options.table.read_text(encoding="utf-8"))))
    for problem in problems:
        print(problem, file=sys.stderr)
    print(f"{len(kernels)} kernels for {ARCH}, {len(problems)} problems")
    sys.exit(1 if problems else 0)


if __name__ == "__main__":
    main()
