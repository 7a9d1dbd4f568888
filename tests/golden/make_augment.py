#!/usr/bin/env python3
"""Writes augment.txt: what Pillow makes of images; augment.c does the same.

    make_augment.py sweeps/data/cifar10-sample.h5 > tests/golden/augment.txt

One line per operation and argument: the CRC-32 of what Pillow makes of all images, one after another. The calls are
those of AutoAugment for CIFAR-10 (Cubuk et al. 2019) and of torchvision's colour jitter. Images are
the first test images of the sample, then patterns that augment.c repeats.
"""
import sys
import zlib

import h5py
import numpy as np
from PIL import Image, ImageEnhance, ImageOps

GREY = (128, 128, 128)
PHOTOS = 40


def patterns():
    at = np.arange(3072, dtype=np.uint32)
    yield (at * np.uint32(2654435761)) >> 24  # noise
    yield (at * at * 31 + at * 17) // 16 % 256
    yield at % 96 * 8 // 3  # a ramp of colours
    yield at * 0 + 90  # flat
    yield at % 7 // 6 * 100  # mostly black
    yield np.where(at < 60, at * 4, 255)  # mostly white


def affine(*matrix, resample=Image.NEAREST):
    return lambda image: image.transform(image.size, Image.AFFINE, matrix, resample, fillcolor=GREY)


def hue(shift):
    def apply(image):
        h, s, v = image.convert("HSV").split()
        h = Image.fromarray(((np.array(h).astype(int) + shift) % 256).astype(np.uint8), "L")
        return Image.merge("HSV", (h, s, v)).convert("RGB")

    return apply


def operations():
    for k in range(-9, 10):
        if k:
            yield "shear-x", k, affine(1, k * 0.3 / 9, 0, 0, 1, 0, resample=Image.BICUBIC)
            yield "shear-y", k, affine(1, 0, 0, k * 0.3 / 9, 1, 0, resample=Image.BICUBIC)
            yield "translate-x", k, affine(1, 0, k * 150 / 331 / 9 * 32, 0, 1, 0)
            yield "translate-y", k, affine(1, 0, 0, 0, 1, k * 150 / 331 / 9 * 32)
        factor = 1 + k * 0.9 / 9
        yield "color", k, lambda image: ImageEnhance.Color(image).enhance(factor)
        yield "contrast", k, lambda image: ImageEnhance.Contrast(image).enhance(factor)
        yield "brightness", k, lambda image: ImageEnhance.Brightness(image).enhance(factor)
        yield "sharpness", k, lambda image: ImageEnhance.Sharpness(image).enhance(factor)
    for degrees in (-180, -137, -90, -45, -30, -10, -3, 0, 1, 7, 20, 27, 60, 100, 179):
        for name, filter in (("", Image.NEAREST), ("-bilinear", Image.BILINEAR), ("-bicubic", Image.BICUBIC)):
            yield "rotate" + name, degrees, lambda image: image.rotate(degrees, filter, fillcolor=GREY)
    for k in range(10):
        bits, threshold = int(np.round(np.linspace(8, 4, 10), 0)[k]), 256 - k * 256 / 9
        yield "posterize", k, lambda image: ImageOps.posterize(image, bits)
        yield "solarize", k, lambda image: ImageOps.solarize(image, threshold)
    yield "autocontrast", 0, ImageOps.autocontrast
    yield "equalize", 0, ImageOps.equalize
    yield "invert", 0, ImageOps.invert
    yield "grayscale", 0, lambda image: image.convert("L").convert("RGB")
    for shift in (-127, -80, -25, -1, 0, 1, 10, 64, 127):
        yield "hue", shift, hue(shift)


def main():
    with h5py.File(sys.argv[1]) as file:
        arrays = list(file["test_images"][:PHOTOS])
    arrays += [pattern.astype(np.uint8).reshape(32, 32, 3) for pattern in patterns()]
    for name, argument, apply in operations():
        made = b"".join(np.asarray(apply(Image.fromarray(array))).tobytes() for array in arrays)
        print(name, argument, "%08x" % zlib.crc32(made))


main()
