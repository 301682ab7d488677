"""What every measurement needs to know."""
import dataclasses
import os
import pathlib

BENCH = pathlib.Path(__file__).resolve().parents[1]


@dataclasses.dataclass
class Context:
    build: pathlib.Path
    python: str
    scratch: pathlib.Path
    pairs: int
    seconds: float  # of one turn
    quick: bool

    @property
    def cores(self):
        return sorted(os.sched_getaffinity(0))

    @property
    def mnist(self):
        return BENCH.parents[1] / "shared" / "data" / "mnist"

    def program(self, name):
        return self.build / "bench" / name

    def experiment(self, name):
        return BENCH / "experiments" / f"{name}.ini"

    def peer(self, name, *arguments):
        return [self.python, BENCH / "peers" / name, *arguments]

    def mpirun(self, ranks, *command):
        return ["mpirun", "-n", ranks, "--bind-to", "core", *command]

    def steps(self, model, batch, shards, lanes=0, ranks=0):
        """The command of our training step."""
        command = [self.program("step_bench"), self.experiment(model), f"--train.batch_size={batch}",
                   f"--train.virtual_shards={shards}", f"--run.lanes={lanes}", "--run.device=cpu"]
        return self.mpirun(ranks, *command) if ranks else command
