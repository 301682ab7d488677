"""A step of two ranks, one lane and one core each: against DistributedDataParallel, and against two processes
that do not talk."""
from harness.compare import Row, Turn, interleave, judged, ratio
from harness.contender import Contender, Together

CASES = [(32, 4), (4, 8)]  # samples a rank, target
SHARDS = (2, 8)


def ddp_setting(context, samples):
    best = None
    for setting in [(), ("--channels-last",)] + ([] if context.quick else [("--compile",)]):
        try:
            with Contender(context.peer("torch_ddp.py", "lenet5", samples, *setting)) as peer:
                took = min(interleave([Turn(peer)], 3, context.seconds / 2)[0].values)
        except RuntimeError as error:
            print(f"  DDP {' '.join(setting)}: {str(error).splitlines()[-1]}", flush=True)
            continue
        best = min(best, (took, setting)) if best else (took, setting)
    return best[1]


def alone(context, samples, shards):
    """Two programs that train for themselves, each on its core."""
    return Together([Contender(["taskset", "-c", core, *context.steps("lenet5", samples, shards, lanes=1)])
                     for core in context.cores[:2]])


def measure(context):
    rows = []
    for samples, target in CASES:
        setting = ddp_setting(context, samples)
        with Contender(context.peer("torch_ddp.py", "lenet5", samples, *setting)) as peer:
            for shards in SHARDS:
                rows += measure_shards(context, peer, setting, samples, shards, target)
                print(*rows[-2:], sep="\n", flush=True)
    return rows


def measure_shards(context, peer, setting, samples, shards, target):
    what = f"LeNet-5, 2 ranks x {samples} samples, {shards} shards"
    independent = alone(context, samples, shards // 2)
    with Contender(context.steps("lenet5", 2 * samples, shards, lanes=1, ranks=2)) as ours:
        a, b, c = interleave([Turn(ours), Turn(peer), Turn(independent)], context.pairs, context.seconds)
    for process in independent.contenders:
        process.stop()
    return [judged(f"data-parallel step {what}", a, b, target, peer_name=f"DDP {' '.join(setting)}".strip()),
            Row(f"weak scaling {what}", f"{a.text(1e6)} us", f"two processes alone: {c.text(1e6)} us",
                f"{100 * ratio(c, a).median:.0f} %")]
