"""A gradient sent to another process by torch.distributed.rpc, which applies sgd to its weights and sends them back.
run N BYTES."""
import os
import socket
import subprocess
import sys
import time

import torch
from torch.distributed import rpc

import serve

WEIGHTS = {}


def push_pull(gradient):
    weights = WEIGHTS.setdefault(gradient.numel(), torch.zeros(gradient.numel()))
    weights.add_(gradient, alpha=-1.0)
    return weights


def pin(rank):
    """One core a rank, as `mpirun --bind-to core` does."""
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {cores[rank % len(cores)]})
    torch.set_num_threads(1)


def main():
    rank = int(os.environ.get("RANK", "0"))
    other = None
    if rank == 0:
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT=str(s.getsockname()[1]))
        other = subprocess.Popen([sys.executable, *sys.argv], env={**os.environ, "RANK": "1"},
                                 stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    os.environ.update(GLOO_SOCKET_IFNAME="lo", TP_SOCKET_IFNAME="lo")
    pin(rank)
    rpc.init_rpc(f"rank{rank}", rank=rank, world_size=2)
    if rank == 0:
        serve.announce({"torch": torch.__version__})
        gradients = {}
        for n, words in serve.requests():
            size = int(words[0]) // 4
            gradient = gradients.setdefault(size, torch.ones(size))
            start = time.perf_counter()
            for _ in range(n):
                rpc.rpc_sync("rank1", push_pull, args=(gradient,))
            print(f"{time.perf_counter() - start:.9f}", flush=True)
    rpc.shutdown()
    if other:
        other.wait()


if __name__ == "__main__":
    main()
