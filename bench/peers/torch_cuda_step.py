"""Training steps in PyTorch on a GPU: forward, backward, SGD with momentum 0.9 (fused). The data is resident.

torch_cuda_step.py MODEL BATCH [--precision fp32|tf32|bf16] [--channels-last] [--compile MODE]
MODE: default, reduce-overhead (CUDA graphs) or max-autotune.
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
    parser.add_argument("--precision", choices=("fp32", "tf32", "bf16"), default="fp32")
    parser.add_argument("--channels-last", action="store_true")
    parser.add_argument("--compile", choices=("default", "reduce-overhead", "max-autotune"))
    return parser.parse_args()


def make_step(o):
    tf32 = o.precision == "tf32"
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = tf32
    torch.backends.cudnn.benchmark = True
    build, shape = nets.NETS[o.model]
    torch.manual_seed(0)
    model = build().cuda()
    if o.channels_last:
        model = model.to(memory_format=torch.channels_last)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.001, momentum=0.9, fused=True)
    data = itertools.cycle(nets.batches(shape, o.batch, o.channels_last, "cuda"))

    def loss_of(x, y):
        with torch.autocast("cuda", torch.bfloat16, enabled=o.precision == "bf16"):
            return F.cross_entropy(model(x), y)

    if o.compile:
        loss_of = torch.compile(loss_of, mode=o.compile)

    return step_of(loss_of, optimizer, data)


def main():
    o = options()
    serve_steps(make_step(o), 5, {"torch": torch.__version__, "device": torch.cuda.get_device_name()},
                torch.cuda.synchronize)


if __name__ == "__main__":
    main()
