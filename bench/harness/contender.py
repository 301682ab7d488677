"""A measured program: stays warm, answers requests (bench/serve.h)."""
import json
import os
import select
import subprocess


class Contender:
    def __init__(self, command, cwd=None, patience=900):
        """Starts `command` and waits until it is ready; RuntimeError when it ends or takes longer than `patience`."""
        self.command, self.patience = [str(word) for word in command], patience
        self.process = subprocess.Popen(self.command, cwd=cwd, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, text=True, bufsize=1)
        os.set_blocking(self.process.stderr.fileno(), False)
        line = self._line()
        if not line.startswith("ready "):
            self._fail(f"said {line!r} instead of ready")
        self.facts = json.loads(line[6:])

    def ask(self, n, *words):
        self.process.stdin.write(" ".join(["run", str(n), *map(str, words)]) + "\n")

    def answer(self):
        return float(self._line())

    def run(self, n, *words):
        """Seconds of n repetitions."""
        self.ask(n, *words)
        return self.answer()

    def stop(self):
        """Asks it to end; a program that has ended by itself is fine."""
        try:
            self.process.stdin.write("quit\n")
            self.process.stdin.close()
        except BrokenPipeError:
            pass
        self.process.wait(60)

    def _line(self):
        ready, _, _ = select.select([self.process.stdout], [], [], self.patience)
        line = self.process.stdout.readline() if ready else ""
        if not line:
            self._fail("ended" if ready else f"gave no answer in {self.patience} s")
        return line.strip()

    def _fail(self, what):
        self.process.kill()
        self.process.wait()
        errors = self.process.stderr.read() or ""
        raise RuntimeError(f"{' '.join(self.command)} {what}\n{errors[-2000:]}")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


class Together:
    """Several programs that run at the same time: the time of the slowest counts."""

    def __init__(self, contenders):
        self.contenders = contenders

    def run(self, n, *words):
        for c in self.contenders:
            c.ask(n, *words)
        return max(c.answer() for c in self.contenders)
