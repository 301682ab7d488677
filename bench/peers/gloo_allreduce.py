"""torch.distributed.all_reduce over gloo between two processes of one machine. run N BYTES."""
import time

import torch
import torch.distributed as dist

import ranks


def make():
    buffers = {}

    def run(n, words):
        size = int(words[0]) // 4
        data = buffers.setdefault(size, torch.zeros(size))
        dist.barrier()
        start = time.perf_counter()
        for _ in range(n):
            dist.all_reduce(data)
        return time.perf_counter() - start

    return run


if __name__ == "__main__":
    ranks.main(make)
