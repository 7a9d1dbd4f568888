#!/usr/bin/env python3
"""Writes optimizers.txt: 20 steps of PyTorch's optimizers in float64; optimizers.c trains the same.

    make_optimizers.py sweeps/data/cifar10-sample.h5 > tests/golden/optimizers.txt

Ten linear classifiers of the mean colour of 24 images, which are one batch; weights begin as
formulas that optimizers.c repeats. Weights decay, biases do not. Lookahead is written out here
(1907.08610, algorithm 1). A case has its options as gridfront names them, its losses, and the
weights and biases that it leaves.
"""
import sys

import h5py
import numpy as np
import torch
import torch.nn.functional as F

IMAGES, STEPS, CLASSES = 24, 20, 10
MEAN, DEVIATION = np.array([0.4914, 0.4822, 0.4465]), np.array([0.2023, 0.1994, 0.2010])


class Lookahead:
    """Every k steps the slow weights go alpha of the way to the fast ones, which go on from there."""

    def __init__(self, fast, parameters, k, alpha):
        self.fast, self.parameters, self.k, self.alpha, self.steps = fast, parameters, k, alpha, 0
        self.slow = [parameter.detach().clone() for parameter in parameters]

    def step(self):
        self.fast.step()
        self.steps += 1
        if self.steps % self.k == 0:
            with torch.no_grad():
                for slow, parameter in zip(self.slow, self.parameters):
                    slow += self.alpha * (parameter - slow)
                    parameter.copy_(slow)


def begin():
    weight = torch.tensor([[0.3 * np.sin(1 + 3 * c + d) for d in range(3)] for c in range(CLASSES)])
    bias = torch.tensor([0.1 * np.cos(c) for c in range(CLASSES)])
    return weight.requires_grad_(), bias.requires_grad_()


def train(make, x, labels, k=0, alpha=0.5):
    weight, bias = begin()
    decay = {"params": [weight]}, {"params": [bias], "weight_decay": 0}
    optimizer = make(decay)
    if k:
        optimizer = Lookahead(optimizer, [weight, bias], k, alpha)
    losses = []
    for _ in range(STEPS):
        weight.grad = bias.grad = None
        loss = F.cross_entropy(x @ weight.T + bias, labels)
        loss.backward()
        losses.append(loss.item())
        optimizer.step()
    left = optimizer.slow if k else [weight, bias]
    return losses, torch.cat([tensor.detach().flatten() for tensor in left]).tolist()


def main(path):
    torch.set_default_dtype(torch.float64)
    with h5py.File(path) as file:
        images = (file["train_images"][:IMAGES] / 255 - MEAN) / DEVIATION
        labels = torch.from_numpy(file["train_labels"][:IMAGES].astype(np.int64))
    x = torch.from_numpy(images.mean((1, 2)))
    optim = torch.optim
    sgd = lambda p: optim.SGD(p, lr=0.5, momentum=0.9, nesterov=True, weight_decay=0.01)
    adamw = lambda p: optim.AdamW(p, lr=0.05, weight_decay=0.1)
    cases = {
        "lr=0.5 weight_decay=0.01": (sgd,),
        "lr=0.5 momentum=0.8 nesterov=false weight_decay=0.01":
            (lambda p: optim.SGD(p, lr=0.5, momentum=0.8, weight_decay=0.01),),
        "lr=0.05 weight_decay=0.1 optimizer.method=adam": (lambda p: optim.Adam(p, lr=0.05, weight_decay=0.1),),
        "lr=0.02 weight_decay=0 optimizer.method=adam optimizer.beta1=0.7 optimizer.beta2=0.9 optimizer.eps=0.001":
            (lambda p: optim.Adam(p, lr=0.02, betas=(0.7, 0.9), eps=1e-3),),
        "lr=0.05 weight_decay=0.1 optimizer.method=adamw": (adamw,),
        "lr=0.05 weight_decay=0.1 decay=decoupled optimizer.method=adam": (adamw,),
        "lr=0.5 weight_decay=0.01 optimizer.lookahead=6": (sgd, 6),
        "lr=0.05 weight_decay=0.1 optimizer.method=adamw optimizer.lookahead=5 optimizer.alpha=0.8":
            (adamw, 5, 0.8),
    }
    for number, (options, arguments) in enumerate(cases.items()):
        losses, left = train(arguments[0], x, labels, *arguments[1:])
        print(f"options.{number} = {options}")
        print(f"losses.{number} =", *(f"{loss:.9g}" for loss in losses))
        print(f"left.{number} =", *(f"{value:.9g}" for value in left))


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(sys.argv[1])
