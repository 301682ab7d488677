"""The table on the terminal, and the marked part of docs/benchmarks.md."""
import datetime
import pathlib
import platform
import re
import subprocess

BEGIN, END = "<!-- figures: begin -->", "<!-- figures: end -->"
HEAD = ("what", "Trireme", "peer", "ratio", "target", "reached", "of the roof")


def first_match(path, pattern):
    match = re.search(pattern, pathlib.Path(path).read_text(), re.MULTILINE)
    return match.group(1) if match else "unknown"


def first_line(*command):
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return done.stdout.strip().splitlines()[0]


def machine(context):
    memory = int(first_match("/proc/meminfo", r"MemTotal: *(\d+)")) / (1 << 20)
    with open("/proc/loadavg", encoding="ascii") as file:
        load = file.read().split()[0]
    return (f"{first_match('/proc/cpuinfo', r'model name.*: (.*)')}, {len(context.cores)} cores, {memory:.0f} GiB; "
            f"Linux {platform.release()}; load {load} at the start")


def versions(context):
    torch = first_line(context.python, "-c", "import torch; print(torch.__version__)")
    return f"{first_line('mpirun', '--version')}; {first_line('c++', '--version')}; PyTorch {torch}"


def table(rows):
    lines = ["| " + " | ".join(HEAD) + " |", "|" + "---|" * len(HEAD)]
    return "\n".join(lines + ["| " + " | ".join(row.cells()) + " |" for row in rows])


def section(facts, context, command, rows):
    today = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M UTC")
    judged = [row for row in rows if row.reached]
    reached = sum(row.reached == "yes" for row in judged)
    return f"""{BEGIN}
- {today}; {facts[0]}
- {facts[1]}
- `{command}`: medians (lowest-highest) of {context.pairs} interleaved turns of {context.seconds:g} s
- {reached} of {len(judged)} targets reached

{table(rows)}
{END}"""


def rewrite(path, text):
    """Puts `text` in the place of the marked part. ValueError where the marks are missing."""
    page = path.read_text()
    before, mark, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not mark or not end:
        raise ValueError(f"{path}: expected the marks {BEGIN} and {END}")
    path.write_text(before + text + after)
