#!/usr/bin/env python3
"""Writes binary.txt: what PyTorch's autograd makes of binary networks, written from the papers.

    make_binary.py sweeps/data/cifar10-sample.h5 > tests/golden/binary.txt

XNOR-Net (1603.05279): BN, sign, convolution; sign passes the gradient where |x| <= 1, a weight is its
sign times the mean magnitude of its filter with the paper's gradient over that mean. BNN+ (1812.11800):
the sign's derivative is autograd's of SwishSign; a weight is its sign times a scale, R1 draws it there.
For both the loss of four images and, for every parameter, the norm of its gradient and its product
with numbers by formula; for XNOR-Net how losses run over 120 steps, as make_curve.py has it.
"""
import argparse
import sys

import h5py
import numpy as np
import torch
import torch.nn.functional as F

import make_curve
from make_golden import Net, layout

WIDTH, BLOCKS, FIRST, BATCH, STEPS, LATE, RUNS = 8, "1,1", 4, 32, 120, 60, 5
RATE, MOMENTUM, BETA, STRENGTH = 0.05, 0.9, 5.0, 1e-3


def signs(x):
    return torch.where(x >= 0, 1.0, -1.0)


def straight(value, surrogate):
    """`value` forward, the derivative of `surrogate` backward."""
    return (value - surrogate).detach() + surrogate


def clipped_sign(x):
    return straight(signs(x), x.clamp(-1, 1))


def swish_sign(x):
    s = torch.sigmoid(BETA * x)
    return straight(signs(x), 2 * s * (1 + BETA * x * (1 - s)) - 1)


class Convolution(torch.nn.Conv2d):
    def forward(self, x):
        scale = self.weight.abs().mean((1, 2, 3), keepdim=True).detach()
        if self.plus:  # straight through over the scale
            weight, x = straight(signs(self.weight) * scale, self.weight), swish_sign(x)
        else:
            beside = 1 / (self.weight[0].numel() * scale)
            weight = straight(signs(self.weight) * scale, self.weight.clamp(-1, 1) + beside * self.weight)
            x = clipped_sign(x)
        return F.conv2d(x, weight, None, self.stride, self.padding)


class Binary(Net):
    def conv(self, name, source, channels, filters, kernel, stride, groups):
        if name == "conv1":
            return super().conv(name, source, channels, filters, kernel, stride, groups)
        layer = Convolution(channels, filters, kernel, stride, kernel // 2, bias=False)
        layer.plus = self.arguments.plus
        return self.add(name, layer, source)

    def activation(self, name, source):
        last = name == f"layer{len(BLOCKS.split(','))}.0.act2"
        return super().activation(name, source) if last else source

    def penalty(self):
        weights = [layer.weight for layer in self.layers.values() if isinstance(layer, Convolution)]
        return sum(STRENGTH * (w.abs().mean((1, 2, 3), keepdim=True).detach() - w.abs()).abs().sum() for w in weights)


def network(plus):
    net = Binary(argparse.Namespace(width=WIDTH, blocks=BLOCKS, groups=1, activation="relu", separable="none",
                                    shortcut="conv", plus=plus))
    make_curve.WIDTH, make_curve.BLOCKS = WIDTH, BLOCKS
    with torch.no_grad():
        make_curve.initialize(net)
    return net


def batch(images, labels, step, count=BATCH):
    chosen = [(step * BATCH + i) * 237 % len(labels) for i in range(count)]
    return images[chosen].requires_grad_(), labels[chosen]  # Net keeps all gradients


def first_step(images, labels, plus):
    net, kind = network(plus), "bnn-plus" if plus else "xnor"
    x, y = batch(images, labels, 0, FIRST)
    loss = F.cross_entropy(net(x), y)
    (loss + net.penalty() if plus else loss).backward()
    print(f"{kind}.loss = {loss.item():.8g}")
    for name, tensor in net.named():
        if tensor.requires_grad:
            gradient = layout(tensor.grad).reshape(-1).astype(np.float64)
            product = gradient @ (2 * make_curve.uniform(name + ".direction", len(gradient)) - 1)
            print(f"{kind}.{name} = {np.linalg.norm(gradient):.8g} {product:.8g}")


def train(images, labels, run):
    torch.manual_seed(run)
    net = network(False)
    with torch.no_grad():
        if run:
            make_curve.perturb(net)
    optimizer = torch.optim.SGD([t for _, t in net.named() if t.requires_grad], lr=RATE, momentum=MOMENTUM,
                                nesterov=True)
    losses = []
    for step in range(STEPS):
        x, y = batch(images, labels, step)
        optimizer.zero_grad()
        loss = F.cross_entropy(net(x), y)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return np.mean(losses[LATE:])


def main(path):
    with h5py.File(path) as file:
        images = (file["test_images"][:] / 255 - make_curve.MEAN) / make_curve.DEVIATION
        labels = torch.from_numpy(file["test_labels"][:].astype(np.int64))
    images = torch.from_numpy(images.transpose(0, 3, 1, 2).astype(np.float32))
    first_step(images, labels, False)
    first_step(images, labels, True)
    print("xnor.late =", *(f"{train(images, labels, run):.6f}" for run in range(1, RUNS + 1)))


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(sys.argv[1])
