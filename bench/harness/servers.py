"""A push and a pull between a worker and a server of one machine: ours, torch.distributed.rpc, and the copy that bounds both."""
from harness.allreduce import name
from harness.compare import Row, Turn, interleave, judged, ratio
from harness.contender import Contender

SIZES = [256 << 10, 1 << 20, 4 << 20, 16 << 20, 64 << 20]
FASTER_THAN_RPC, OF_THE_COPY, BOOKKEEPING = 10, 0.6, 0.03


def measure(context):
    rows = []
    with Contender(context.mpirun(2, context.program("server_bench"))) as program, \
            Contender(context.peer("torch_rpc.py")) as rpc:
        for size in SIZES[::2] if context.quick else SIZES:
            begin = len(rows)
            turns = [Turn(program, ("push_pull", size)), Turn(program, ("copy", size)), Turn(rpc, (size,)),
                     Turn(program, ("exactly_once", size))]
            ours, copy, peer, once = interleave(turns, context.pairs, context.seconds)
            part = ratio(copy, ours).median
            bound = f"{100 * part:.0f} % of the copy bound, {copy.text(1e6)} us"
            rows.append(judged(f"push + pull {name(size)}", ours, peer, FASTER_THAN_RPC, bound,
                               peer_name="torch.distributed.rpc"))
            if size >= 4 << 20:
                reached = "yes" if part >= OF_THE_COPY else f"no: {100 * part:.0f} %"
                rows.append(Row(f"push + pull {name(size)} against the copy", ours.text(1e6) + " us",
                                copy.text(1e6) + " us", f"{part:.2f}", f"{OF_THE_COPY}", reached))
            share = ratio(once, ours).median
            rows.append(Row(f"exactly once: numbers, checks and windows of push + pull {name(size)}", once.text(1e6) + " us",
                            ours.text(1e6) + " us", f"{share:.4f}", f"{BOOKKEEPING}",
                            "yes" if share <= BOOKKEEPING else f"no: {100 * share:.1f} %"))
            print(*rows[begin:], sep="\n", flush=True)
    return rows
