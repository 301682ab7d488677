"""The training step on all cores against PyTorch at its best."""
from harness.compare import Turn, interleave, judged
from harness.contender import Contender

CASES = [("lenet5", 64, 3), ("lenet5", 8, 4), ("mnist_cnn", 64, 2.5), ("mnist_cnn", 8, 4), ("mlp", 64, 3),
         ("mlp", 8, 3), ("resnet20", 128, 2)]
SHARDS = {"resnet20": (2, 8, 32)}  # 32: as configs/cifar_resnet20.ini


CLOSE = 1.15  # settings that differ by less in their trial may be equally fast


def settings(context):
    """What the peer may be set to, in two rounds: eager first, then compiled in the better of these."""
    layouts = [()] if context.quick else [(), ("--channels-last",)]
    eager = [("--threads", str(t), *layout) for t in sorted({1, len(context.cores)}) for layout in layouts]
    compiled = [] if context.quick else [("--compile",), ("--compile", "--cpp-wrapper")]
    return eager, compiled


def trials(context, model, batch, candidates):
    """(seconds of a step, setting) of each candidate. One that cannot run is said, and left out."""
    tried = []
    for setting in candidates:
        try:
            with Contender(context.peer("torch_step.py", model, batch, *setting)) as peer:
                took = min(interleave([Turn(peer)], 3, context.seconds / 2)[0].values)
        except RuntimeError as error:
            print(f"  PyTorch {' '.join(setting)}: {str(error).splitlines()[-1]}", flush=True)
            continue
        print(f"  PyTorch {model} {batch} {' '.join(setting)}: {1e6 * took:.0f} us", flush=True)
        tried.append((took, setting))
    return tried


def best_setting(context, model, batch):
    eager, compiled = settings(context)
    tried = trials(context, model, batch, eager)
    near = [setting for took, setting in tried if took < CLOSE * min(tried)[0]]
    return min(tried + trials(context, model, batch, [(*s, *extra) for s in near for extra in compiled]))[1]


def measure(context, roof):
    rows = []
    for model, batch, target in CASES:
        setting = best_setting(context, model, batch)
        with Contender(context.peer("torch_step.py", model, batch, *setting)) as peer:
            for shards in SHARDS.get(model, (2, 8)):
                with Contender(context.steps(model, batch, shards)) as ours:
                    a, b = interleave([Turn(ours), Turn(peer)], context.pairs, context.seconds)
                    rows.append(judged(f"step {model}, batch {batch}, {shards} shards", a, b, target,
                                       roof.share(ours.facts["flops"], a.median),
                                       peer_name=f"PyTorch {' '.join(setting)}"))
                print(rows[-1], flush=True)
    return rows
