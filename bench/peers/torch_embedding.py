"""nn.EmbeddingBag(sparse=True) + Adagrad on bench/table_bench.cpp's step. usage: torch_embedding.py [THREADS]"""
import sys
import time

import torch
import torch.nn.functional as F

import serve

ROWS, DIM, SAMPLES, FEATURES, BATCHES, SKEW = 1_000_000, 16, 2048, 26, 32, 1.05


def ids():
    u = torch.rand(BATCHES, SAMPLES * FEATURES, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    x = (1 + u * ((ROWS + 1) ** (1 - SKEW) - 1)) ** (1 / (1 - SKEW))
    return (x.long() - 1).clamp(max=ROWS - 1) * 7919 % ROWS


def main():
    if len(sys.argv) > 1:
        torch.set_num_threads(int(sys.argv[1]))
    bag = torch.nn.EmbeddingBag(ROWS, DIM, mode="sum", sparse=True)
    optimizer = torch.optim.Adagrad(bag.parameters(), lr=0.05)
    offsets = torch.arange(SAMPLES * FEATURES)
    zeros = torch.zeros(SAMPLES * FEATURES, DIM)
    batches = ids()

    def step(i):
        optimizer.zero_grad()
        F.mse_loss(bag(batches[i % BATCHES], offsets), zeros).backward()
        optimizer.step()

    step(0)
    serve.announce({"threads": torch.get_num_threads()})
    for n, _ in serve.requests():
        start = time.perf_counter()
        for i in range(n):
            step(i)
        print(f"{time.perf_counter() - start:.9f}", flush=True)


if __name__ == "__main__":
    main()
