"""What PyTorch's training steps have in common, on a CPU and on a GPU."""
import time

import serve


def step_of(loss_of, optimizer, data):
    """One step on the next batch of the iterator."""
    def step():
        x, y = next(data)
        optimizer.zero_grad(set_to_none=True)
        loss_of(x, y).backward()
        optimizer.step()
    return step


def serve_steps(step, warm_up, facts, finish=lambda: None):
    """Answers requests with the seconds of N steps; finish() waits for what was only started."""
    for _ in range(warm_up):
        step()
    finish()
    serve.announce(facts)
    for steps, _ in serve.requests():
        start = time.perf_counter()
        for _ in range(steps):
            step()
        finish()
        print(f"{time.perf_counter() - start:.9f}", flush=True)
