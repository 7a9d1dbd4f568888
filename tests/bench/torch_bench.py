"""PyTorch's side of tests/bench/against_torch.sh: the same ResNet18 (CIFAR form), the same step.

usage: torch_bench.py train|infer|frozen THREADS nchw|nhwc BATCH STEPS f32|bf16 WIDTH
`frozen` is inference after torch.jit.freeze, which folds batch normalization into the convolutions.
Prints one JSON object: images/s of the median step after one that warms up, and peak memory.
"""
import json
import resource
import sys
import time

import torch
from torch import nn
from torch.nn import functional as F


class Block(nn.Module):
    def __init__(self, channels, filters, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(channels, filters, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(filters)
        self.conv2 = nn.Conv2d(filters, filters, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(filters)
        self.shortcut = nn.Sequential()
        if stride != 1 or channels != filters:
            self.shortcut = nn.Sequential(
                nn.Conv2d(channels, filters, 1, stride, bias=False), nn.BatchNorm2d(filters))

    def forward(self, x):
        out = F.relu(self.bn1(self.conv1(x)))
        return F.relu(self.bn2(self.conv2(out)) + self.shortcut(x))


def resnet18(width):
    layers = [nn.Conv2d(3, width, 3, 1, 1, bias=False), nn.BatchNorm2d(width), nn.ReLU()]
    channels = width
    for filters, stride in ((width, 1), (2 * width, 2), (4 * width, 2), (8 * width, 2)):
        layers += [Block(channels, filters, stride), Block(filters, filters, 1)]
        channels = filters
    return nn.Sequential(*layers, nn.AvgPool2d(4), nn.Flatten(), nn.Linear(channels, 10))


def median_seconds(step, steps):
    step()
    times = []
    for _ in range(steps):
        begin = time.perf_counter()
        step()
        times.append(time.perf_counter() - begin)
    return sorted(times)[len(times) // 2]


def training_step(model, x, y, bf16):
    optimizer = torch.optim.SGD(model.parameters(), 0.0001, momentum=0.9, weight_decay=5e-4,
                                nesterov=True)

    def step():
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=bf16):
            loss = F.cross_entropy(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return step


def inference_step(model, x, bf16, frozen):
    model.eval()
    if frozen:
        model = torch.jit.freeze(torch.jit.trace(model, x))

    def step():
        with torch.no_grad(), torch.autocast("cpu", dtype=torch.bfloat16, enabled=bf16):
            model(x)
    step()  # the first runs of a frozen graph optimize it
    return step


def main():
    what, threads, layout, batch, steps, numerics, width = sys.argv[1:8]
    torch.set_num_threads(int(threads))
    torch.manual_seed(0)
    model, bf16 = resnet18(int(width)), numerics == "bf16"
    x, y = torch.randn(int(batch), 3, 32, 32), torch.randint(0, 10, (int(batch),))
    if layout == "nhwc":
        model = model.to(memory_format=torch.channels_last)
        x = x.to(memory_format=torch.channels_last)
    step = (training_step(model, x, y, bf16) if what == "train" else
            inference_step(model, x, bf16, what == "frozen"))
    seconds = median_seconds(step, int(steps))
    print(json.dumps({"images_per_second": int(batch) / seconds,
                      "peak_memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024}))


main()
