#!/bin/sh
# gridfront plan --simulate: how long a sweep would take on so many ranks; and bench farm.
. "$(dirname "$0")/common"
cd "$work" || exit 2
cfg=$root/tests/e2e/small.cfg
export OMP_NUM_THREADS=1

"$program" plan "$cfg" --simulate >usual.txt
check "without numbers it simulates the usual ones" grep -q "^ *10,000 " usual.txt
check "one rank is always busy" grep -q "^ *1 .* 100.0 % *1.0x" usual.txt
"$program" plan "$cfg" --simulate 3,5 --spread 0.3 >spread.txt
check "it simulates the ranks it is told" grep -q "^ *5 " spread.txt
check "and says that times are spread" grep -q "spread by 30 %" spread.txt
for wrong in 0 1,,2 1x 2000000; do
    "$program" plan "$cfg" --simulate=$wrong >out.log 2>err.log
    check "--simulate=$wrong is refused" test $? -eq 2
    check "--simulate=$wrong: says why" grep -q "is a number in \[1, 1000000\]" err.log
done
"$program" plan "$cfg" --simulate --spread 7 >out.log 2>err.log
check "a spread of 7 is refused" test $? -eq 2

if command -v python3 >/dev/null; then
    "$program" plan "$cfg" --simulate 1,2,64 --json >plan.json
    holds() { python3 -c 'import json, sys; j = json.load(open(sys.argv[1])); sys.exit(not eval(sys.argv[2]))' "$@"; }
    check "no makespan is below its bound, nor above Graham's" holds plan.json \
        'all(s["bound"] * (1 - 1e-9) <= s["makespan"] <= (1 + 1e-9) * (s["work"] / s["ranks"] + (1 - 1 / s["ranks"]) * s["critical_path"]) for s in j["simulated"])'
    check "the work is that of the plan" holds plan.json \
        'all(abs(s["work"] - j["seconds"]) < 1e-6 * j["seconds"] for s in j["simulated"])'
else
    skip "JSON keeps the bounds" "no python3 to read it with"
fi

"$program" bench farm --tasks 50 >alone.txt
check "bench farm works alone" grep -q "50 empty tasks, the protocol alone" alone.txt
ranks 3 "$program" bench farm --tasks 200 >three.txt 2>&1
check "and on three ranks, of which two work" grep -q "3 ranks, 2 workers, 200 empty tasks" three.txt
ranks 2 "$program" bench farm --tasks 20 --executors >forks.txt 2>&1
check "and with an executor for each task" grep -q "2 workers, 20 empty tasks, an executor for each" forks.txt
"$program" bench train --executors >out.log 2>err.log
check "other benchmarks take no executors" test $? -eq 2
finish
