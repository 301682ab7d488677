"""All-reduce between two ranks of one machine: ours, Open MPI's, gloo's, and the copy that bounds them."""
from harness.compare import Row, Turn, interleave, judged, ratio
from harness.contender import Contender

SIZES = [4 << 10, 32 << 10, 256 << 10, 2 << 20, 16 << 20, 64 << 20]
FASTER_THAN_MPI, FASTER_THAN_GLOO = 5, 10


def name(size):
    return f"{size >> 20} MiB" if size >= 1 << 20 else f"{size >> 10} KiB"


def measure(context):
    rows = []
    with Contender(context.mpirun(2, context.program("allreduce_bench"))) as program, \
            Contender(context.peer("gloo_allreduce.py")) as gloo:
        for size in SIZES[::3] if context.quick else SIZES:
            turns = [Turn(program, (way, size)) for way in ("window", "mpi", "copy")] + [Turn(gloo, (size,))]
            ours, mpi, copy, peer = interleave(turns, context.pairs, context.seconds)
            bound = f"{100 * ratio(copy, ours).median:.0f} % of the copy bound, {copy.text(1e6)} us"
            rows.append(judged(f"all-reduce {name(size)}", ours, mpi, FASTER_THAN_MPI, bound, peer_name="Open MPI"))
            rows.append(judged(f"all-reduce {name(size)}", ours, peer, FASTER_THAN_GLOO, peer_name="gloo"))
            print(*rows[-2:], sep="\n", flush=True)
    return rows
