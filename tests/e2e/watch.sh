#!/bin/sh
# status, from another terminal: while a sweep runs, when it was killed, when it goes on, when it is
# done; and whether what was predicted comes true, better after a run than before it.
. "$(dirname "$0")/common"
cd "$work" || exit 2
export GRIDFRONT_SAMPLE="$root/sweeps/data/cifar10-sample.h5"
unset GRIDFRONT_HISTORY
cfg=$root/tests/e2e/small.cfg

"$program" status none >out.log 2>err.log
check "where there is no sweep status says so" test $? -ne 0 -a -s err.log
"$program" status none --watch --json >out.log 2>err.log
check "--watch and --json exclude each other" test $? -eq 2

until_there() { # until_there FILE
    for _ in $(seq 600); do [ ! -e "$1" ] || return 0; sleep 0.1; done
    return 1
}
until_says() { # until_says WORDS: status does
    for _ in $(seq 600); do
        "$program" status run/small >status.txt 2>/dev/null
        ! grep -q "$1" status.txt || return 0
        sleep 0.2
    done
    return 1
}
python() { command -v python3 >/dev/null && python3 "$@"; }
holds() { # holds FILE EXPRESSION, where j is its JSON
    python -c 'import json, sys; j = json.load(open(sys.argv[1])); sys.exit(not eval(sys.argv[2]))' "$@"
}

# ---- while it runs, is killed, goes on ----
"$program" status run/small --watch >watch.txt 2>&1 &
watcher=$!
ranks 2 "$program" run "$cfg" --results run/small --set 'seeds=[1,2,3]' >run.log 2>&1 &
sleep 0.2
check "a sweep that runs is seen running" until_says "running for"
check "with its running stages" until_says "^ *[0-9]*  .*░.*%"
check "and an interval for its end" grep -q "ETA .* (.* \.\. .*)" status.txt
check "no line is longer than 100 columns" \
    test "$(LC_ALL=C.UTF-8 wc -L <status.txt)" -le 100
check "elsewhere than on a terminal there is no colour" sh -c "! grep -q '\[' status.txt"
check "stages finish" until_says "[1-9][0-9]* of 30 stages finished"
master=$(sed -n 's/^pid = //p' run/small/lease)
kill -9 "$master"
wait $!
check "when it was killed status says so" until_says "no run is alive"
check "and that nothing runs" sh -c "! grep -q ' running,' status.txt"
if command -v python3 >/dev/null; then
    "$program" status run/small --json >killed.json
    check "and JSON the same" holds killed.json 'not j["alive"] and j["running"] == 0 and not j["finished"]'
    check "what was begun waits" holds killed.json 'j["done"] + j["waiting"] == 30 and j["saved"] <= 2'
    check "its ranks were busy" holds killed.json 'j["workers"] == 2 and 0.5 < j["utilization"] <= 1'
fi
ranks 2 "$program" run "$cfg" --results run/small --set 'seeds=[1,2,3]' >again.log 2>&1
check "it is resumed" test $? -eq 0
check "the one that watched saw all of it, and ended" wait $watcher
check "from the first stage" grep -q "0 of 30 stages finished" watch.txt
check "to the last" grep -q "finished after" watch.txt

# ---- predictions ----
sed -n '/^predicted/p' again.log >verdict.txt
check "a run says how good its prediction was" \
    grep -qE "^predicted .* \(.* \.\. .*\), took .*; predicted .*B \(.*\), is .*B" verdict.txt
"$program" plan "$cfg" >plan.txt
check "plan learns from the run" grep -qE "from [1-9][0-9]* stages measured on this kind of CPU" plan.txt
GRIDFRONT_HISTORY=off "$program" plan "$cfg" >off.txt
check "and without it times a few steps" grep -q "from steps timed just now" off.txt
ranks 2 "$program" run "$cfg" --results second/small >second.log 2>&1
check "a second sweep runs" test $? -eq 0
check "its own prediction is learned" grep -q "^predicted" second.log
if command -v python3 >/dev/null; then
    "$program" status second/small --json >second.json
    "$program" status run/small --json >first.json
    check "JSON has the prediction beside what it took" \
        holds second.json 'j["forecast"]["took"] > 0 and j["forecast"]["measured_stages"] >= 20'
    check "in its interval's order" \
        holds second.json '0 < j["forecast"]["low"] < j["forecast"]["seconds"] < j["forecast"]["high"]'
    check "its disk is within 2 %" \
        holds second.json 'abs(j["forecast"]["used_bytes"] / j["forecast"]["bytes"] - 1) < 0.02'
    check "and within its interval" \
        holds second.json 'j["forecast"]["bytes_low"] <= j["forecast"]["used_bytes"] <= j["forecast"]["bytes_high"]'
    check "all stages are done" holds second.json 'j["done"] == 20 and j["share"] == 1 and j["finished"]'
    check "the front is there" holds second.json 'len(j["front"]) > 0 and "accuracy" in j["front"][0]'
else
    skip "JSON of status" "no python3 to read it with"
fi

# ---- what was found in the store took no time, and is not learned from ----
files() { find "$XDG_CACHE_HOME" -name '*.txt' | wc -l; }
before=$(files)
ranks 1 "$program" run "$cfg" --results second/copy --set 'name="copy"' >copy.log 2>&1
check "a sweep of known stages predicts next to nothing" \
    grep -qE "^predicted [0-9.]+ s" copy.log
check "and teaches nothing" test "$(files)" -eq "$before"
"$program" report second/small --no-times --all --format json >a.json
"$program" report second/copy --no-times --all --format json >b.json
check "reports without times know nothing of predictions" sh -c "! grep -q forecast a.json && ! grep -q '\"seconds\"' b.json"
check "no process is left" no_process_left
finish
