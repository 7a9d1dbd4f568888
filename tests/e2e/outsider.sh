#!/bin/sh
# A real results folder, read by an outsider with h5py and results/README.md alone.
. "$(dirname "$0")/common"
cd "$work" || exit 2
python=python3
$python -c 'import h5py' 2>/dev/null || python=/usr/bin/python3
if ! $python -c 'import h5py' 2>/dev/null; then
    skip "results are readable with h5py" "no python3 with h5py here"
    finish
    exit
fi
export GRIDFRONT_SAMPLE="$root/sweeps/data/cifar10-sample.h5"
"$program" run "$root/tests/e2e/small.cfg" --set 'seeds=[1]' --results out/small >run.log 2>&1
check "the sweep runs" test $? -eq 0
$python "$root/tests/e2e/outsider.py" out/small >read.log 2>&1
check "everything in its folder is as documented" test $? -eq 0
grep WRONG read.log | head -n 5
check "and there was something to read" test "$(wc -l <read.log)" -gt 20
finish
