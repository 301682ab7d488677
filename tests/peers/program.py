"""Runs the program under test, and counts what passed and what failed."""
import os
import pathlib
import shutil
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAM = pathlib.Path(os.environ.get("TRIREME", ROOT / "build" / "trireme"))
TIMEOUT = 900


def run(*arguments, ranks=0):
    """Runs trireme, under mpirun for ranks > 0; returns what it printed. Raises RuntimeError when it fails."""
    command = [str(PROGRAM), *map(str, arguments)]
    if ranks:
        mpirun = ["mpirun", "-n", str(ranks), "--oversubscribe", "--bind-to", "none"]
        command = mpirun + (["--allow-run-as-root"] if os.getuid() == 0 else []) + command
    done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return done.stdout + done.stderr


def train(config, folder, *overrides, ranks=0):
    """Trains configs/CONFIG.ini below `folder`, which is emptied first; returns the run directory."""
    shutil.rmtree(folder, ignore_errors=True)
    run("train", ROOT / "configs" / f"{config}.ini", f"--run.dir={folder}", *overrides, ranks=ranks)
    (directory,) = pathlib.Path(folder).iterdir()
    return directory


class Tally:
    def __init__(self):
        self.passed = self.failed = 0

    def check(self, name, holds, detail=""):
        self.passed += bool(holds)
        self.failed += not holds
        print(f"{'ok  ' if holds else 'FAIL'}  {name}{': ' if detail else ''}{detail}", flush=True)

    def attempt(self, name, function, *arguments):
        """Calls function(*arguments), which returns a line of detail; any exception is a failure of this check."""
        try:
            self.check(name, True, function(*arguments))
        except Exception as error:  # the others are still wanted
            self.check(name, False, f"{type(error).__name__}: {error}")
