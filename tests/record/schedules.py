"""Records learning rates of torch.optim.lr_scheduler into tests/optim/recorded_schedules.h.

Run from the repository's root: python tests/record/schedules.py
"""
import pathlib
import warnings

import torch
from torch.optim import lr_scheduler as s

warnings.simplefilter("ignore")  # there is no optimizer.step() between the scheduler's steps
STEPS, BASE = 40, 0.1
CASES = {
    "Step": lambda o: s.StepLR(o, step_size=7, gamma=0.5),
    "MultiStep": lambda o: s.MultiStepLR(o, milestones=[5, 12, 30], gamma=0.1),
    "Exponential": lambda o: s.ExponentialLR(o, gamma=0.9),
    "Polynomial": lambda o: s.PolynomialLR(o, total_iters=30, power=2.0),
    "Cosine": lambda o: s.CosineAnnealingLR(o, T_max=39, eta_min=0.01 * BASE),
    "LinearWarmup": lambda o: s.LinearLR(o, start_factor=0.25, end_factor=1.0, total_iters=10),
    # Sequential: the second schedule's clock starts at the end of the warm-up.
    "WarmupThenCosine": lambda o: s.SequentialLR(
        o, [s.LinearLR(o, start_factor=0.1, end_factor=1.0, total_iters=8),
            s.CosineAnnealingLR(o, T_max=32)], milestones=[8]),
}


def record(make):
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=BASE)
    scheduler = make(optimizer)
    rates = []
    for _ in range(STEPS):
        rates.append(optimizer.param_groups[0]["lr"])
        scheduler.step()
    return rates


def main():
    lines = ["#pragma once", f"// Recorded from torch {torch.__version__} by tests/record/schedules.py.", "",
             "#include <array>", "", "namespace trireme::recorded {", ""]
    for name, make in CASES.items():
        lines.append(f"constexpr std::array<double, {STEPS}> k{name} = {{")
        lines += [f"    {rate!r}," for rate in record(make)]
        lines += ["};", ""]
    lines += ["}  // namespace trireme::recorded", ""]
    pathlib.Path("tests/optim/recorded_schedules.h").write_text("\n".join(lines))


main()
