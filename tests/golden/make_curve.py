#!/usr/bin/env python3
"""Writes curve.txt: how PyTorch's losses run over 200 steps on real images; curve.c does the same.

    make_curve.py sweeps/data/cifar10-sample.h5 > tests/golden/curve.txt

A ResNet of BasicBlocks in float32, SGD with Nesterov momentum, weights decay, BN does not; no
augmentation. Weights, batches and rates are formulas that curve.c repeats. After a few steps
rounding alone leads two trainings apart, so each run but the first starts from weights perturbed by
1e-6 of themselves: what the mean loss of steps 101 to 200 then spreads by is what rounding may do.
"""
import argparse
import sys

import h5py
import numpy as np
import torch
import torch.nn.functional as F

from make_golden import Net

WIDTH, BLOCKS, BATCH, STEPS, RUNS = 8, "1,1,1,1", 32, 200, 5
PEAK, WARMUP, MOMENTUM, WEIGHT_DECAY, PERTURBATION = 0.05, 20, 0.9, 5e-4, 1e-6
MEAN, DEVIATION = np.array([0.4914, 0.4822, 0.4465]), np.array([0.2023, 0.1994, 0.2010])


def uniform(name, count):
    """[0, 1): splitmix64 of the name's FNV-1a hash and the element."""
    hashed = 2166136261
    for byte in name.encode():
        hashed = (hashed ^ byte) * 16777619 & 0xFFFFFFFF
    with np.errstate(over="ignore"):
        z = (np.uint64(hashed) << np.uint64(32)) + np.arange(1, count + 1, dtype=np.uint64)
        z *= np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z ^= z >> np.uint64(31)
    return (z >> np.uint64(11)).astype(np.float64) * 2.0**-53


def initialize(net):
    """Weights and bias uniform in +-1 / sqrt(fan in), in gridfront's layout [filters, h, w, channels]."""
    for name, tensor in net.named():
        if not name.endswith((".weight", ".bias")):
            continue  # BN starts at 1 and 0
        shape = tuple(tensor.shape)
        fan = np.prod(shape[1:]) if len(shape) > 1 else WIDTH << BLOCKS.count(",")
        values = torch.from_numpy((2 * uniform(name, tensor.numel()) - 1) / np.sqrt(fan))
        if len(shape) == 4:
            values = values.view(shape[0], shape[2], shape[3], shape[1]).permute(0, 3, 1, 2)
        tensor.copy_(values.reshape(shape).float())


def perturb(net):
    for name, tensor in net.named():
        if tensor.requires_grad:
            tensor.mul_(1 + PERTURBATION * torch.randn_like(tensor))


def rate(step):
    return PEAK * min((step + 1) / WARMUP, 1) * (1 - step / (2 * STEPS))


def train(images, labels, run):
    torch.manual_seed(run)
    net = Net(argparse.Namespace(width=WIDTH, blocks=BLOCKS, groups=1, activation="relu", separable="none",
                                 shortcut="conv"))
    with torch.no_grad():
        initialize(net)
        if run:
            perturb(net)
    weights = [tensor for name, tensor in net.named() if tensor.requires_grad and name.endswith(".weight")]
    others = [tensor for name, tensor in net.named() if tensor.requires_grad and not name.endswith(".weight")]
    optimizer = torch.optim.SGD([{"params": weights, "weight_decay": WEIGHT_DECAY}, {"params": others}],
                                lr=PEAK, momentum=MOMENTUM, nesterov=True)
    losses = []
    for step in range(STEPS):
        chosen = [(step * BATCH + i) * 237 % len(labels) for i in range(BATCH)]
        for group in optimizer.param_groups:
            group["lr"] = rate(step)
        optimizer.zero_grad()
        loss = F.cross_entropy(net(images[chosen].requires_grad_()), labels[chosen])  # Net keeps all gradients
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


def main(path):
    with h5py.File(path) as file:
        images = (file["test_images"][:] / 255 - MEAN) / DEVIATION
        labels = torch.from_numpy(file["test_labels"][:].astype(np.int64))
    images = torch.from_numpy(images.transpose(0, 3, 1, 2).astype(np.float32))
    runs = [train(images, labels, run) for run in range(RUNS + 1)]
    print("first =", *(f"{loss:.7g}" for loss in runs[0][:3]))
    print("late =", *(f"{np.mean(losses[100:]):.6f}" for losses in runs[1:]))


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(sys.argv[1])
