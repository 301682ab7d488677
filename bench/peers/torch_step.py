"""Training steps in PyTorch: forward, backward, SGD with momentum 0.9 (fused). No metrics, no copy of the data.

torch_step.py MODEL BATCH --threads T [--channels-last] [--compile] [--cpp-wrapper]
"""
import argparse
import itertools

import torch
from torch.nn import functional as F

import nets
from training import serve_steps, step_of


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

    return step_of(loss_of, optimizer, data)


def main():
    o = options()
    torch.set_num_threads(o.threads)
    serve_steps(make_step(o), 3, {"torch": torch.__version__})


if __name__ == "__main__":
    main()
