#!/usr/bin/env python3
"""Writes schedules.txt: the rates of PyTorch's schedulers, a step an epoch; schedules.c repeats them.

    make_schedules.py > tests/golden/schedules.txt

A line is "policy option=value ... = rate rate ...", the rates as fractions of the highest one. The
lines "metric.*" hold what ReduceLROnPlateau looks at after each epoch.
"""
import torch
from torch.optim import lr_scheduler as torch_lr

EPOCHS, PEAK, LOW = 50, 0.1, 0.02


def optimizer():
    return torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=PEAK, momentum=0.9)


def rates(make, metric=None):
    target = optimizer()
    scheduler = make(target)
    values = []
    for epoch in range(EPOCHS):
        values.append(target.param_groups[0]["lr"] / PEAK)
        target.step()
        scheduler.step(*([] if metric is None else [metric[epoch]]))
    return values


def cyclic(mode, half, gamma):
    return lambda o: torch_lr.CyclicLR(o, LOW, PEAK, step_size_up=half, mode=mode, gamma=gamma)


def metrics():
    """Accuracies that rise, stall, dip and rise again, and losses that mirror them."""
    accuracy = [0.5 + 0.3 * min(e, 12) / 12 + 0.01 * (e % 3) - 0.05 * (e in (20, 21)) + 0.1 * (e > 34)
                for e in range(EPOCHS)]
    return {"accuracy": accuracy, "loss": [2 - 1.5 * value for value in accuracy]}


def put(key, values):
    print(key, "=", *(f"{value:.17g}" for value in values))


def main():
    put("step size=7 gamma=0.3", rates(lambda o: torch_lr.StepLR(o, 7, 0.3)))
    put("multi-step at=5,9,31 gamma=0.2", rates(lambda o: torch_lr.MultiStepLR(o, [5, 9, 31], 0.2)))
    put("exp gamma=0.9", rates(lambda o: torch_lr.ExponentialLR(o, 0.9)))
    put("sgdr period=3 multiply=2 low=0.2",
        rates(lambda o: torch_lr.CosineAnnealingWarmRestarts(o, 3, 2, LOW)))
    put("sgdr period=7 multiply=1 low=0.2",
        rates(lambda o: torch_lr.CosineAnnealingWarmRestarts(o, 7, 1, LOW)))
    put("triangular half=4 low=0.2", rates(cyclic("triangular", 4, 1)))
    put("triangular2 half=4 low=0.2", rates(cyclic("triangular2", 4, 1)))
    put("triangular-exp half=4 low=0.2 gamma=0.94", rates(cyclic("exp_range", 4, 0.94)))
    # PyTorch peaks at step rise * 51 - 1 of steps 0 to 50
    put(f"onecycle rise={(0.3 * 51 - 1) / 50!r} divide=20 end_divide=500",
        rates(lambda o: torch_lr.OneCycleLR(o, PEAK, 51, pct_start=0.3, div_factor=20, final_div_factor=500)))
    observed = metrics()
    for name, values in observed.items():
        put(f"metric.{name}", values)
    for name, patience, cooldown in [("accuracy", 3, 2), ("loss", 4, 0), ("accuracy", 0, 1)]:
        make = lambda o: torch_lr.ReduceLROnPlateau(
            o, "max" if name == "accuracy" else "min", 0.3, patience, threshold=0.01, cooldown=cooldown,
            min_lr=0.005)
        put(f"plateau metric={name} gamma=0.3 patience={patience} cooldown={cooldown} threshold=0.01 low=0.05",
            rates(make, observed[name]))


if __name__ == "__main__":
    main()
