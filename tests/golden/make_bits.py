#!/usr/bin/env python3
"""Prints what PyTorch's autograd makes of BitPruning's quantizer between whole lengths (2002.03090,
section 3), on a grid that holds 0: outputs and the gradient of the length.

The numbers stand in tests/unit/compress_bits.c, which has the same inputs.
"""
import torch

VALUES = [0.3, -0.75, 1.9, 0.01, -0.2, 0.77, 1.21, -0.47, 0.66, 1.5]
GRADIENTS = [1.0, -2.0, 0.5, 3.0, -1.5, 2.0, 0.25, -0.75, 4.0, -3.0]
LOW, HIGH = -0.75, 1.9


def quantize(x, bits):
    step = (HIGH - LOW) / (2**bits - 1)
    zero = torch.round(torch.tensor(-LOW / step))
    rounded = (torch.clamp(torch.round(x / step) + zero, 0, 2**bits - 1) - zero) * step
    return x + (rounded - x).detach()


def main():
    for length in [2.25, 3.0, 3.5, 6.75]:
        x = torch.tensor(VALUES, dtype=torch.float64, requires_grad=True)
        n = torch.tensor(length, dtype=torch.float64, requires_grad=True)
        whole = torch.floor(n).item()
        share = n - whole
        out = (1 - share) * quantize(x, whole) + share * quantize(x, whole + 1)
        out.backward(torch.tensor(GRADIENTS, dtype=torch.float64))
        assert torch.allclose(x.grad, torch.tensor(GRADIENTS, dtype=torch.float64))
        print(length, [round(v, 7) for v in out.tolist()], f"{n.grad.item():.7f}")


if __name__ == "__main__":
    main()
