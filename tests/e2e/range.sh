#!/bin/sh
# gridfront range: the curve and the bounds that it prints, and where they come from.
. "$(dirname "$0")/common"
cd "$work" || exit 2
export GRIDFRONT_SAMPLE="$root/sweeps/data/cifar10-sample.h5" OMP_NUM_THREADS=1

cat >ramp.cfg <<'CFG'
name = "ramp";
data  : { dataset = "sample"; images = 900; validation = 100; };
model : { width = { grid = [4, 8]; }; blocks = "1,1,1,1"; };
stages = ( { train : { epochs = 50; batch = 16; schedule = "sgdr"; }; } );
objectives = ( "accuracy" );
CFG
"$program" range ramp.cfg --threads 1 >text.log 2>err.log
check "a range test ends well" test $? -eq 0
check "it says which training it took" grep -q "^The first of 2 trainings that differ" text.log
check "it draws the loss over the rate" test "$(grep -cE '^ +[0-9.e-]+ +[0-9.]+  \|-*[*>]$' text.log)" -ge 20
check "it suggests a setting" grep -qE '^lr = [0-9.e-]+; schedule : \{ policy = "triangular"; low = ' text.log
check "nothing is left behind" test "$(ls)" = "$(printf 'err.log\nramp.cfg\ntext.log')"

"$program" range ramp.cfg --threads 1 --to 100 --shape linear --epochs 1 >linear.log 2>err.log
check "rates that nothing survives are no crash" test $? -le 2
"$program" range ramp.cfg --threads 1 --set train.batch=800 --epochs 1 >out.log 2>err.log
check "a ramp too short ends with 2" test $? -eq 2
check "and says what it takes" grep -q "a ramp takes 20 steps" err.log

if command -v python3 >/dev/null; then
    "$program" range ramp.cfg --threads 1 --from 0.001 --to 1 --json >range.json
    check "JSON has all points, from the first rate up to the last, and the bounds between" python3 -c '
import json
j = json.load(open("range.json"))
r = [p["rate"] for p in j["points"]]
assert abs(r[0] / 0.001 - 1) < 1e-6 and r[-1] < 1 and r == sorted(r) and len(r) >= 200
assert r[0] <= j["low"] < j["high"] <= 1 and j["end"] in ("rises", "ragged", "explodes", "open")'
else
    skip "JSON holds the same facts" "no python3 to read it with"
fi
finish
