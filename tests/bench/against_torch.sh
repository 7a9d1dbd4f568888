#!/bin/sh
# Gridfront beside PyTorch on this machine: the two take turns, several rounds, and the best of each
# side counts, so that a disturbance hits both or neither. PyTorch runs in both layouts and the
# faster one counts. Not a test: nothing passes or fails.
#
# usage: tests/bench/against_torch.sh [WIDTH ...]        64 32 16 when none is given
# ROUNDS (3), STEPS (3), BATCH (128), THREADS (all), PYTHON (python3, /usr/bin/python3)
here=$(cd "$(dirname "$0")" && pwd)
program=$here/../../build/gridfront
rounds=${ROUNDS:-3} steps=${STEPS:-3} batch=${BATCH:-128} threads=${THREADS:-$(nproc)}
[ $# -gt 0 ] || set -- 64 32 16
widest=$1
unset OMP_WAIT_POLICY # either side's own default
log=$(mktemp)
trap 'rm -f "$log"' EXIT

for python in ${PYTHON:-python3 /usr/bin/python3}; do
    "$python" -c 'import torch' 2>/dev/null && break
    python=
done
[ -n "$python" ] || { echo "SKIP against_torch: no python3 here has torch"; exit 0; }
[ -x "$program" ] || { echo "against_torch: $program is not there; run: make" >&2; exit 2; }

field() { sed -n "s/.*\"$1\": \([0-9.]*\).*/\1/p" "$2"; }
note() { # note ROW SIDE VARIANT COMMAND...: one run, its two figures into the log
    row=$1 side=$2 variant=$3
    shift 3
    "$@" >"$log.run" 2>"$log.err" || { echo "against_torch: failed: $*" >&2; cat "$log.err" >&2; }
    printf '%s|%s|%s|%s|%s\n' "$row" "$side" "$variant" "$(field images_per_second "$log.run")" \
        "$(field peak_memory "$log.run")" >>"$log"
    rm -f "$log.run" "$log.err"
}
torch() { # torch ROW WHAT THREADS NUMERICS WIDTH
    for layout in nhwc nchw; do
        note "$1" torch $layout "$python" "$here/torch_bench.py" "$2" "$3" $layout "$batch" "$steps" "$4" "$5"
    done
}
ours() { # ours ROW train|infer THREADS NUMERICS WIDTH
    note "$1" ours "$4" "$program" bench "$2" --threads "$3" --batch "$batch" --steps "$steps" \
        --numerics "$4" --width "$5" --json
}
pair() { # pair ROW WHAT THREADS NUMERICS WIDTH: both sides do the same
    torch "$@"
    ours "$@"
}

round=0
while [ $((round += 1)) -le "$rounds" ]; do
    for width; do
        pair "train width $width f32, $threads threads" train "$threads" f32 "$width"
    done
    [ "$threads" -eq 1 ] || pair "train width $widest f32, 1 thread" train 1 f32 "$widest"
    row="train width $widest, theirs bf16, ours the faster"
    torch "$row" train "$threads" bf16 "$widest"
    ours "$row" train "$threads" f32 "$widest"
    ours "$row" train "$threads" bf16 "$widest"
    pair "infer width $widest f32, $threads threads" infer "$threads" f32 "$widest"
    row="infer width $widest f32, both with BN folded"
    torch "$row" frozen "$threads" f32 "$widest"
    ours "$row" infer "$threads" f32 "$widest"
    echo "round $round of $rounds" >&2
done

"$python" -c 'import torch; print("PyTorch", torch.__version__)'
echo "batch $batch, best of $rounds rounds of the median of $steps steps"
awk -F '|' -v memory="train width $widest f32, $threads threads" '
    !($1 in seen) { seen[$1] = 1; rows[++count] = $1 }
    $4 + 0 > best[$1, $2] { best[$1, $2] = $4; how[$1, $2] = $3 }
    $1 == memory && $5 && (!($2 in least) || $5 < least[$2]) { least[$2] = $5 }
    END {
        printf "%-48s %16s %16s %7s\n", "images/s", "PyTorch", "Gridfront", "ratio"
        for (i = 1; i <= count; i++) {
            r = rows[i]
            printf "%-48s %11.1f %4s %11.1f %4s", r, best[r, "torch"], how[r, "torch"], best[r, "ours"], how[r, "ours"]
            if (best[r, "torch"] && best[r, "ours"]) printf " %7.2f", best[r, "ours"] / best[r, "torch"]
            printf "\n"
        }
        if (least["torch"] && least["ours"])
            printf "%-48s %8.0f MB      %8.0f MB      %7.2f\n", "peak memory, " memory, \
                least["torch"] / 1e6, least["ours"] / 1e6, least["ours"] / least["torch"]
    }' "$log"
