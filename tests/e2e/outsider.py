#!/usr/bin/env python3
"""Reads a results folder with h5py and nothing of ours, by results/README.md alone.

    outsider.py results/NAME

Prints what it finds, a line each; ends with 1 and lines that begin with WRONG when a checksum,
a link or a shape is not as documented. XXH3 comes from the xxhash module or from libxxhash."""
import ctypes
import ctypes.util
import os
import sys
import zlib

import h5py
import numpy as np

STATES = ["WAITING", "RUNNING", "DONE", "FAILED", "BLOCKED"]
wrong = []


def check(good, what):
    if not good:
        wrong.append(what)


def text(value):
    return value.decode() if isinstance(value, bytes) else str(value)


def find_digest():
    """A function from bytes to 32 hex digits; None when there is no xxHash at all."""
    try:
        import xxhash
        return xxhash.xxh3_128_hexdigest
    except ImportError:
        pass

    class Hash(ctypes.Structure):
        _fields_ = [("low", ctypes.c_uint64), ("high", ctypes.c_uint64)]

    name = ctypes.util.find_library("xxhash")
    if not name:
        return None
    function = ctypes.CDLL(name).XXH3_128bits
    function.restype, function.argtypes = Hash, [ctypes.c_char_p, ctypes.c_size_t]

    def from_library(data):
        found = function(data, len(data))
        return f"{found.high:016x}{found.low:016x}"
    return from_library


digest = find_digest() or (lambda data: None)


def head_of(path, size):
    """The text before the HDF5 file: format, and a dictionary of its lines."""
    with open(path, "rb") as file:
        first, *rest = file.read(size).rstrip(b"\0").decode().splitlines()
    return first, dict(line.split(" = ", 1) for line in rest)


def check_datasets(group, where):
    """Every dataset that is not written in place has a digest of its bytes."""
    count = 0
    for name in group:
        if not isinstance(group.get(name, getlink=True), h5py.HardLink):
            continue
        item = group[name]
        if isinstance(item, h5py.Group):
            count += check_datasets(item, f"{where}/{name}")
        elif "xxh3_128" in item.attrs:
            found = digest(np.asarray(item[()], dtype=item.dtype).tobytes())
            recorded = text(item.attrs["xxh3_128"])
            check(found in (None, recorded), f"{where}/{name}: digest")
            count += 1
    return count


def good(row, stage):
    """Is this row written and whole? Its last four bytes are the CRC of all others."""
    raw = row.tobytes()
    if not any(raw):
        return False
    whole = zlib.crc32(raw[:-4]) == row["crc"] and row["stage"] == stage and row["sequence"] > 0
    check(whole, f"stage {stage}: a row does not check")
    return whole


def newest(rows, stage):
    rows = [row for row in rows if good(row, stage)]
    return max(rows, key=lambda row: row["sequence"]) if rows else None


def contents_of(artifact):
    """The identity of an artifact: the digest of a list of digests, in the tensors' order."""
    types = ["float32", "float64", "int32", "int64", "uint8"]
    tensors = artifact["tensors"]
    names = []
    tensors.id.links.iterate(lambda name: names.append(name.decode()),
                             idx_type=h5py.h5.INDEX_CRT_ORDER)
    lines = [f"graph {digest(artifact['graph'][()])}", f"facts {digest(artifact['facts'][()])}"]
    for name in names:
        item = tensors[name]
        words = ["tensor", name, types.index(str(item.dtype)), *item.shape,
                 digest(np.asarray(item[()], dtype=item.dtype).tobytes())]
        lines.append(" ".join(map(str, words)))
    return digest(("\n".join(lines) + "\n").encode())


def show_artifact(study, path, stage):
    link = study.get(f"artifacts/{stage}", getlink=True)
    target = os.path.join(os.path.dirname(path), link.filename)
    if not os.path.exists(target):
        kept_all = "keep = " not in text(study["settings"][()]) or \
            "keep = all" in text(study["settings"][()])
        check(not kept_all, f"stage {stage} is done, but {target} is missing")
        return
    format_line, head = head_of(target, 512)
    check(format_line == "gridfront artifact 1", f"{target}: {format_line}")
    check(int(head["bytes"]) == os.path.getsize(target) - 512, f"{target}: length")
    with open(target, "rb") as file:
        file.seek(512)
        check(digest(file.read()) in (None, head["xxh3_128"]), f"{target}: digest")
    artifact = study[f"artifacts/{stage}"]  # HDF5 follows the link by itself
    check_datasets(artifact, target)
    check(contents_of(artifact) in (None, text(artifact.attrs["contents"])), f"{target}: contents")
    facts = text(artifact["facts"][()]).splitlines()
    tensors = artifact["tensors"]
    values = sum(tensors[name].size for name in tensors)
    print(f"artifact of stage {stage}: {len(tensors)} tensors, {values} values, {len(facts)} facts")


def show_stage(study, path, stage, metrics):
    slot = study["slots"][stage]
    state = newest(slot["state"], stage)
    state = STATES[state["state"]] if state is not None else "WAITING"
    kind, label = text(study["stages/kind"][stage]), text(study["stages/label"][stage])
    print(f"stage {stage}: {state} {kind} {label}".rstrip())
    for row in sorted(slot["attempts"], key=lambda row: row["attempt"]):
        if good(row, stage):
            print(f"  attempt {row['attempt']} on {text(row['host'])}: {text(row['reason'])}")
    start, epochs = study["epochs_start"][stage], study["stages/epochs"][stage]
    curve = [row for row in study["epochs"][start:start + epochs] if good(row, stage)]
    if curve:
        print(f"  {len(curve)} epochs, last: {curve[-1]['epoch']} lr {curve[-1]['lr']:g}")
    result = newest(study["results"][stage]["rows"], stage)
    if result is not None:
        print("  " + ", ".join(f"{n} {v:g}" for n, v in zip(metrics, result["values"])))
    if state == "DONE":
        show_artifact(study, path, stage)


def main(folder):
    path = os.path.join(folder, "sweep.h5")
    format_line, head = head_of(path, 4096)
    check(format_line == "gridfront study 1", f"{path}: {format_line}")
    check(int(head["bytes"]) == os.path.getsize(path) - 4096, f"{path}: length")
    with h5py.File(path, "r") as study:
        metrics = [text(name) for name in study["metrics"]]
        stages, trials = len(study["stages/key"]), len(study["trials/point"])
        print(f"sweep {text(study['name'][()])} {text(study.attrs['id'])}: {stages} stages, "
              f"{trials} trials, {len(study['points/label'])} points")
        print(f"{check_datasets(study, path)} datasets with digests")
        for trial in range(trials):
            chain = [int(row) for row in study["trials/stages"][trial] if row >= 0]
            point = text(study["points/label"][study["trials/point"][trial]])
            print(f"trial {trial}: {point}, seed {study['trials/seed'][trial]}, stages {chain}")
        for stage in range(stages):
            show_stage(study, path, stage, metrics)
    for line in wrong:
        print("WRONG", line)
    print("digests checked" if digest(b"") else "digests not checked: no xxHash here")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
