"""Training steps in PyTorch: forward, backward, SGD with momentum 0.9 (fused). No metrics, no copy of the data.

torch_step.py MODEL BATCH --threads T [--channels-last] [--compile] [--cpp-wrapper]
"""
import argparse
import itertools
import time

import torch
from torch.nn import functional as F

import nets
import serve


def options():
    parser = argparse.ArgumentParser()
    parser.add_argument("model", choices=nets.NETS)
    parser.add_argument("batch", type=int)
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--channels-last", action="store_true")
    parser.add_argument("--compile", action="store_true")
    parser.add_argument("--cpp-wrapper", action="store_true")
    return parser.parse_args()


def make_step(o):
    build, shape = nets.NETS[o.model]
    torch.manual_seed(0)
    model = build()
    if o.channels_last:
        model = model.to(memory_format=torch.channels_last)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.001, momentum=0.9, fused=True)
    data = itertools.cycle(nets.batches(shape, o.batch, o.channels_last))

    def loss_of(x, y):
        return F.cross_entropy(model(x), y)

    if o.compile:
        loss_of = torch.compile(loss_of, options={"cpp_wrapper": o.cpp_wrapper})

    def step():
        x, y = next(data)
        optimizer.zero_grad(set_to_none=True)
        loss_of(x, y).backward()
        optimizer.step()

    return step


def main():
    o = options()
    torch.set_num_threads(o.threads)
    step = make_step(o)
    for _ in range(3):
        step()
    serve.announce({"torch": torch.__version__})
    for steps, _ in serve.requests():
        start = time.perf_counter()
        for _ in range(steps):
            step()
        print(f"{time.perf_counter() - start:.9f}", flush=True)


if __name__ == "__main__":
    main()
