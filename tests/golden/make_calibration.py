#!/usr/bin/env python3
"""Prints thresholds of least divergence for a made-up histogram, by the entropy calibration that
NVIDIA published (Migacz 2017; pytorch-quantization's histogram calibrator), in plain numpy.

The numbers stand in tests/unit/compress_calibrate.c, which makes the same histogram.
"""
import numpy as np

BINS = 2048


def histogram():
    b = np.arange(BINS)
    bins = np.floor(1e6 * np.exp(-b / 150.0)) + (b * 7919 % 97 == 0) * 3.0
    bins[1700:1990] = 0
    bins[2047] = 2
    return bins


def divergence(bins, used, levels):
    space = np.linspace(0, used, num=levels + 1)
    digitized = np.digitize(np.arange(used), space) - 1
    digitized[bins[:used] == 0] = -1
    quantized = np.zeros(used)
    for level in range(levels):
        of_level = digitized == level
        if of_level.any():
            quantized[of_level] = bins[:used][of_level].sum() / of_level.sum()
    quantized /= quantized.sum()
    reference = bins[:used].copy()
    reference[-1] += bins[used:].sum()
    reference /= reference.sum()
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = np.where(reference > 0, reference * np.log(reference / quantized), 0)
    return terms.sum()


def main():
    bins = histogram()
    for bits in [3, 4, 6, 8]:
        for signed in [False, True]:
            levels = 1 << (bits - signed)
            found = [(divergence(bins, used, levels), -used) for used in range(levels, BINS + 1)]
            print(f"{{ {bits}, {'true' if signed else 'false'}, {-min(found)[1]} }},")


if __name__ == "__main__":
    main()
