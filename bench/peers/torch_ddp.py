"""A data-parallel step in PyTorch: DistributedDataParallel over gloo, two ranks of one thread on a core each.

torch_ddp.py MODEL SAMPLES_A_RANK [--channels-last] [--compile]
"""
import argparse
import itertools
import time

import torch
import torch.distributed as dist
from torch.nn import functional as F
from torch.nn.parallel import DistributedDataParallel

import nets
import ranks


def options():
    parser = argparse.ArgumentParser()
    parser.add_argument("model", choices=nets.NETS)
    parser.add_argument("batch", type=int)
    parser.add_argument("--channels-last", action="store_true")
    parser.add_argument("--compile", action="store_true")
    return parser.parse_args()


def make():
    o = options()
    build, shape = nets.NETS[o.model]
    torch.manual_seed(0)
    model = build()
    if o.channels_last:
        model = model.to(memory_format=torch.channels_last)
    model = DistributedDataParallel(model, gradient_as_bucket_view=True)
    model = torch.compile(model) if o.compile else model
    optimizer = torch.optim.SGD(model.parameters(), lr=0.001, momentum=0.9, fused=True)
    data = itertools.cycle(nets.batches(shape, o.batch, o.channels_last))

    def step():
        x, y = next(data)
        optimizer.zero_grad(set_to_none=True)
        F.cross_entropy(model(x), y).backward()
        optimizer.step()

    def run(n, _):
        dist.barrier()
        start = time.perf_counter()
        for _ in range(n):
            step()
        return time.perf_counter() - start

    run(3, None)
    return run


if __name__ == "__main__":
    ranks.main(make)
