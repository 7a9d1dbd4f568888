#!/bin/sh
# Early stopping: the same decisions for any ranks and after a kill, a replay of an asynchronous run,
# and segments that leave the bits of an uncut training.
. "$(dirname "$0")/common"
cd "$work" || exit 2
cfg=$root/tests/e2e/early_stopping.cfg
export GRIDFRONT_SAMPLE="$root/sweeps/data/cifar10-sample.h5"

sweep() { # sweep DIR ARGUMENTS... with as many ranks as $count
    dir=$1
    shift
    ranks $count "$program" run "$cfg" --results "$dir" "$@" >"$work/log" 2>&1
}
report() { "$program" report "$1" --no-times --all --format json; }
stages() { (cd "$1/stages" && find . -name '*.h5' | LC_ALL=C sort | xargs sha256sum); }

count=1 sweep one/s
check "a synchronous sweep runs" test $? -eq 0
check "and says how many stages it stopped" grep -q "stages done in .*, [1-9][0-9]* stopped early" log
check "and its report says how many points" sh -c "'$program' report one/s | grep -q '[1-9][0-9]* stopped early'"
count=3 sweep three/s
stages one >one.stages
stages three >three.stages
check "3 ranks run the same stages to the same bits as 1" cmp -s one.stages three.stages
report one/s >one.json
report three/s >three.json
check "and report the same" cmp -s one.json three.json
kept=$(find one/stages -name '*.h5' | wc -l)
check "fewer stages run than there are" test "$kept" -lt 40
check "but every training begins" test "$kept" -gt 10

for delay in 1 2; do
    timeout -s KILL $delay "$program" run "$cfg" --results killed/s >log 2>&1
done
count=2 sweep killed/s
stages killed >killed.stages
check "killed twice and resumed it decides the same" cmp -s one.stages killed.stages

count=2 sweep async/s --set 'early_stopping.halving="asynchronous"'
check "an asynchronous sweep runs" test $? -eq 0
stages async >async.stages
count=1 sweep replay/s --set 'early_stopping.halving="asynchronous"' --replay async/s
check "a replay runs" test $? -eq 0
stages replay >replay.stages
check "and lets the same trainings go on" cmp -s async.stages replay.stages
check "verify finds nothing wrong" "$program" verify async/s >verify.log

sed '/^early_stopping/d' "$cfg" >full.cfg
"$program" run full.cfg --results full/s --set 'seeds=[1]' >log 2>&1
check "without early stopping it runs as well" test $? -eq 0
# A point that went on to its end has the metrics of the uncut training.
cat >compare.py <<'P'
import json, sys
cut, full = (json.load(open(name)) for name in sys.argv[1:])
same = 0
for a, b in zip(cut["points"], full["points"]):
    if a["seeds"] == 0: continue
    for metric, what in a["metrics"].items():
        if what["values"][0] != b["metrics"][metric]["values"][0]: sys.exit(f"{a['label']}: {metric}")
    same += 1
sys.exit(0 if same >= 2 else "nothing to compare")
P
report full/s >full.json
if command -v python3 >/dev/null; then
    check "segments leave what an uncut training leaves" python3 compare.py one.json full.json
else
    skip "segments leave what an uncut training leaves" "no python3 here"
fi

"$program" plan "$cfg" --set 'objectives=({metric="latency_1";})' >log 2>&1
check "a rung cannot be judged by a time" test $? -eq 2
check "and the message says so" grep -q "every objective is a time" log
check "no process is left" no_process_left
finish
