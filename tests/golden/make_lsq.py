#!/usr/bin/env python3
"""Prints what PyTorch's autograd makes of LSQ's quantizer, written as in the paper's appendix B:
outputs, gradients of values, and the scaled gradient of the step.

The numbers stand in tests/unit/compress_lsq.c, which has the same inputs; none lies on a bound, where
the appendix and equations 3 and 5 differ.
"""
import torch

VALUES = [0.05, 0.1, -0.1, 0.24, 0.26, -0.37, 0.62, -0.88, 1.3, -1.3, 0.73, 2.5]
GRADIENTS = [1.0, -2.0, 0.5, 3.0, -1.5, 2.0, 0.25, -0.75, 4.0, -3.0, 1.25, -0.5]
STEP = 0.25


def grad_scale(x, scale):
    y, y_grad = x, x * scale
    return y.detach() - y_grad.detach() + y_grad


def round_pass(x):
    y, y_grad = x.round(), x
    return y.detach() - y_grad.detach() + y_grad


def main():
    for bits, signed in [(2, True), (3, True), (3, False)]:
        low, high = (-(1 << bits - 1), (1 << bits - 1) - 1) if signed else (0, (1 << bits) - 1)
        v = torch.tensor(VALUES, dtype=torch.float64, requires_grad=True)
        s = torch.tensor(STEP, dtype=torch.float64, requires_grad=True)
        step = grad_scale(s, (len(VALUES) * high) ** -0.5)
        out = round_pass(torch.clamp(v / step, low, high)) * step
        out.backward(torch.tensor(GRADIENTS, dtype=torch.float64))
        print(bits, signed, [round(x, 9) for x in out.tolist()], v.grad.tolist(), "%.9f" % s.grad.item())


if __name__ == "__main__":
    main()
