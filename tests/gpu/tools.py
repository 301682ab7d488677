"""How the checks run programs, and what they report."""
import dataclasses
import os
import pathlib
import re
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[2]
MPI = {"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
       "OMPI_MCA_rmaps_base_oversubscribe": "1"}
# Two NCCL ranks on one device: slow, through sockets of this machine.
NCCL = {"NCCL_NET": "Socket", "NCCL_SOCKET_IFNAME": "lo", "NCCL_IB_DISABLE": "1"}


class NotRun(Exception):
    """What the check needs is not here."""


@dataclasses.dataclass
class Line:
    text: str
    failed: bool = False

    def markdown(self):
        return f"- {'**failed**: ' if self.failed else ''}{self.text}"


@dataclasses.dataclass
class Machine:
    build: pathlib.Path
    scratch: pathlib.Path
    torch: str
    notes: pathlib.Path  # where the output of what failed is kept
    device: str = "cuda"  # cpu: to try the checks themselves

    def run(self, *command, timeout=120, environment=None, cwd=None):
        """The finished process; its output is text."""
        return subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=timeout,
                              cwd=cwd or self.scratch, env={**os.environ, **MPI, **(environment or {})})

    def trireme(self, *arguments, **options):
        """Standard output; RuntimeError with its last lines when it fails."""
        done = self.run(self.build / "trireme", *arguments, **options)
        if done.returncode:
            raise RuntimeError(f"trireme {' '.join(map(str, arguments))}: exit {done.returncode}: "
                               f"{(done.stderr + done.stdout)[-1500:]}")
        return done.stdout

    def program(self, *names):
        """The first of these that was built."""
        for name in names:
            if (self.build / name).exists():
                return self.build / name
        raise NotRun(f"{names[0]} was not built")

    def config(self, name):
        return ROOT / "configs" / f"{name}.ini"

    def title(self):
        done = self.run(self.build / "trireme", "devices")
        devices = re.findall(r"^cuda \d+ (.*?),", done.stdout, re.M)
        return ", ".join(devices) or "no device"


def newest_run(folder):
    return max(pathlib.Path(folder).glob("*"), key=lambda p: p.stat().st_mtime)


def tail(text, lines=12):
    return " / ".join(text.strip().splitlines()[-lines:])
