#!/usr/bin/env python3
"""Makes cifar10-sample.h5: the first 1,000 images of each official CIFAR-10 binary file.

    make_sample.py FOLDER OUT.h5      FOLDER holds data_batch_1.bin ... test_batch.bin

Images are [N, 32, 32, 3] bytes, labels [N] bytes; compressed with shuffle and deflate. The same
input gives the same file.
"""
import sys

import h5py
import numpy as np

PER_FILE = 1000
RECORD = 1 + 3072


def read(path):
    records = np.fromfile(path, np.uint8, PER_FILE * RECORD).reshape(PER_FILE, RECORD)
    images = records[:, 1:].reshape(PER_FILE, 3, 32, 32).transpose(0, 2, 3, 1)
    return images, records[:, 0]


def main(folder, out):
    parts = {
        "train": [f"{folder}/data_batch_{i}.bin" for i in range(1, 6)],
        "test": [f"{folder}/test_batch.bin"],
    }
    with h5py.File(out, "w", track_order=False) as file:
        for split, paths in parts.items():
            images, labels = map(np.concatenate, zip(*map(read, paths)))
            options = dict(shuffle=False, compression="gzip", compression_opts=9, track_times=False)
            # One plane per chunk row compresses best: neighbours in a chunk are neighbours in space.
            file.create_dataset(f"{split}_images", data=images, chunks=(50, 32, 32, 1), **options)
            file.create_dataset(f"{split}_labels", data=labels, track_times=False)


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])
