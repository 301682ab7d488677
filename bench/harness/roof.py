"""The machine's limits, measured in the same run."""
import dataclasses

from harness.compare import Figure, Row, Turn, interleave
from harness.contender import Contender


@dataclasses.dataclass
class Roof:
    gemm: float  # FLOP/s, one matrix a core, all cores
    rows: list

    def share(self, flops, seconds):
        """How much of the GEMM rate a step of `flops` reaches."""
        return f"{100 * flops / seconds / self.gemm:.0f} % of GEMM"


def measure(context):
    cores = len(context.cores)
    kinds = [(what, threads) for what in ("gemm", "fma", "copy") for threads in sorted({1, cores})]
    with Contender([context.program("roof")]) as roof:
        figures = interleave([Turn(roof, kind) for kind in kinds], context.pairs, context.seconds)
        rates = {kind: [kind[1] * roof.facts[kind[0]] / v for v in f.values]
                 for kind, f in zip(kinds, figures)}
        vector = roof.facts["vector"]
    names = {"gemm": "oneDNN matmul 1024^3", "fma": f"{vector} FMA", "copy": "copy of 64 MiB (read + written: twice that)"}
    rows = []
    for (what, threads), r in rates.items():
        unit = "GB/s" if what == "copy" else "GFLOP/s"
        rows.append(Row(f"{names[what]}, {threads} core{'s' if threads > 1 else ''}",
                        f"{Figure(r).text(1e-9)} {unit}"))
    return Roof(Figure(rates[("gemm", cores)]).median, rows)
