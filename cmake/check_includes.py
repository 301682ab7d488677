#!/usr/bin/env python3
"""Checks the include rule of src/: which folder may include which, and where outside libraries may appear.

usage: check_includes.py [ROOT]     ROOT: the repository; default: the folder above this script

Prints FILE:LINE for every #include that breaks the rule and exits with 1; with 0 when there is none.
"""
import pathlib
import re
import sys

# Folders from the lowest floor up, with what each may include besides itself.
ALLOWED = {
    "base": set(),
    "config": {"base"},
    "tensor": {"base"},
    "kernels": {"tensor", "base"},
    "model": {"kernels", "tensor", "base", "config"},
    "data": {"tensor", "base", "config"},
    "optim": {"kernels", "tensor", "base", "config"},
    "comm": {"kernels", "tensor", "base"},
    "ps": {"comm", "optim", "kernels", "tensor", "base", "config"},
    "checkpoint": {"comm", "tensor", "base"},
    "export": {"model", "data", "checkpoint", "comm", "kernels", "tensor", "base", "config"},
    "worker": {"export", "checkpoint", "ps", "comm", "optim", "data", "model", "kernels", "tensor", "base", "config"},
    "plan": {"model", "data", "comm", "kernels", "tensor", "base", "config"},
    "serve": {"export", "checkpoint", "data", "model", "kernels", "tensor", "base", "config"},
}
ALLOWED["cli"] = set(ALLOWED)  # everything below; nobody includes cli

# Single headers that a folder may include although the table says no, with the reason.
EXCEPTIONS = {
    ("data", "kernels/kernel_types.h"): "SampleKey: what identifies a sample is one type for data order and kernels",
}

# Outside headers that belong behind one interface: pattern of the header, pattern of the files that may include it.
CONFINED = [
    (re.compile(r"mpi(-ext)?\.h$"), re.compile(r"comm/mpi[^/]*$"), "MPI appears only in src/comm/mpi*"),
    (re.compile(r"nccl.*\.h$"), re.compile(r"kernels/cuda/nccl_[^/]*$"), "NCCL appears only in src/kernels/cuda/nccl_*"),
    (re.compile(r"(cuda|cublas|cudnn|cufft|curand|nvrtc|nvtx|thrust/|cub/|cuda/)"), re.compile(r"kernels/cuda/"),
     "CUDA appears only in src/kernels/cuda/"),
]
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')
SUFFIXES = {".h", ".cpp", ".cuh", ".cu"}


def own_header_problem(folder, header, root):
    """What is wrong with `#include "header"` in a file of `folder`; None: nothing."""
    if not (root / "src" / header).is_file():
        return f'"{header}" is no file below src/: write "folder/file.h"'
    target = header.split("/")[0]
    if target == folder or target in ALLOWED[folder] or (folder, header) in EXCEPTIONS:
        return None
    return f"{folder} may not include {target} (only {', '.join(sorted(ALLOWED[folder])) or 'itself'})"


def outside_header_problem(path, header):
    for headers, files, rule in CONFINED:
        if headers.match(header) and not files.search(path):
            return f"<{header}>: {rule}"
    return None


def problems_of(file, root):
    path = file.relative_to(root / "src").as_posix()
    folder = path.split("/")[0]
    if folder not in ALLOWED:
        yield 1, f"the folder src/{folder} is not in the table of {pathlib.Path(__file__).name}"
        return
    for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
        match = INCLUDE.match(line)
        if not match:
            continue
        quote, header = match.groups()
        if quote == '"':
            problem = own_header_problem(folder, header, root)
        else:
            problem = outside_header_problem(path, header)
        if problem:
            yield number, problem


def main():
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parents[1]).resolve()
    files = sorted(f for f in (root / "src").rglob("*") if f.suffix in SUFFIXES)
    if not files:
        sys.exit(f"no sources below {root}/src")
    found = 0
    for file in files:
        for number, problem in problems_of(file, root):
            print(f"{file.relative_to(root)}:{number}: {problem}", file=sys.stderr)
            found += 1
    print(f"{len(files)} files checked, {found} includes against the rule")
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
