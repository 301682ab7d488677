"""torch.save of a state of as many bytes, then fsync: the time in which a training loop is held.

torch_save.py FOLDER BYTES.  run N [hold] -> seconds of N saves.
"""
import os
import sys
import time

import torch

import serve


def save(state, path):
    with open(path, "wb") as file:
        torch.save(state, file)
        file.flush()
        os.fsync(file.fileno())


def main():
    folder, size = sys.argv[1], int(sys.argv[2])
    tensors = 16
    state = {f"tensor{i}": torch.randn(size // 4 // tensors) for i in range(tensors)}
    path = os.path.join(folder, "peer.pt")
    serve.announce({"torch": torch.__version__})
    for n, _ in serve.requests():
        seconds = 0.0
        for _ in range(n):
            start = time.perf_counter()
            save(state, path)
            seconds += time.perf_counter() - start
            os.remove(path)
        print(f"{seconds:.9f}", flush=True)


if __name__ == "__main__":
    main()
