"""A step of an embedding table alone: ours, nn.EmbeddingBag(sparse=True) with Adagrad, and the plain loop that bounds both."""
from harness.compare import Row, Turn, interleave, judged, ratio
from harness.contender import Contender

FASTER_THAN_TORCH, SERVED_FASTER_THAN_TORCH, OF_THE_LOOP = 10, 5, 0.3


def measure(context):
    lanes = len(context.cores)
    what = "table of 1M rows x 16, 2,048 x 26 ids, Adagrad"
    with Contender([context.program("table_bench"), str(lanes)]) as program, \
            Contender(context.peer("torch_embedding.py")) as torch:
        ours, bound, peer = interleave([Turn(program, ("step",)), Turn(program, ("bound",)), Turn(torch)],
                                       context.pairs, context.seconds)
    with Contender(context.mpirun(2, context.program("served_table_bench"))) as served, \
            Contender(context.peer("torch_embedding.py")) as torch:
        on_server, beside = interleave([Turn(served, ("step",)), Turn(torch)], context.pairs, context.seconds)
    part = ratio(bound, ours).median
    rows = [judged(what, ours, peer, FASTER_THAN_TORCH, peer_name="nn.EmbeddingBag + Adagrad"),
            judged(f"{what}, rows on a server", on_server, beside, SERVED_FASTER_THAN_TORCH,
                   peer_name="nn.EmbeddingBag + Adagrad"),
            Row(f"{what}, against the plain loop", ours.text(1e6) + " us", bound.text(1e6) + " us", f"{part:.2f}",
                f"{OF_THE_LOOP}", "yes" if part >= OF_THE_LOOP else f"no: {100 * part:.0f} %")]
    print(*rows, sep="\n", flush=True)
    return rows
