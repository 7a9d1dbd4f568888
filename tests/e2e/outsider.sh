#!/bin/sh
# Every results folder that is here (make demo leaves one) is read by an outsider with h5py.
python=python3
$python -c 'import h5py' 2>/dev/null || python=/usr/bin/python3
if ! $python -c 'import h5py' 2>/dev/null; then
    echo "SKIP outsider: no python3 with h5py here"
    echo "0 passed, 0 failed, 1 skipped"
    exit 0
fi
passed=0 failed=0
for sweep in results/*/sweep.h5; do
    [ -e "$sweep" ] || continue
    if output=$($python tests/e2e/outsider.py "${sweep%/sweep.h5}" 2>&1); then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "FAIL outsider: ${sweep%/sweep.h5}"
        printf '%s\n' "$output" | tail -n 3 | sed 's/^/     /'
    fi
done
skipped=0
if [ $((passed + failed)) -eq 0 ]; then
    echo "SKIP outsider: no results folder yet; make demo leaves one"
    skipped=1
fi
echo "$passed passed, $failed failed, $skipped skipped"
[ $failed -eq 0 ]
