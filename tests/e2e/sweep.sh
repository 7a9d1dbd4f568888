#!/bin/sh
# One sweep on 1, 2 and 4 ranks, killed and resumed, reused by another: the same bits every time.
. "$(dirname "$0")/common"
cd "$work" || exit 2
cfg=$root/tests/e2e/small.cfg
export GRIDFRONT_SAMPLE="$root/sweeps/data/cifar10-sample.h5"

digest_of_stages() { (cd "$1/stages" && find . -name '*.h5' | LC_ALL=C sort | xargs sha256sum); }

for count in 1 2 4; do
    ranks $count "$program" run "$cfg" --results "n$count/small" >"n$count.log" 2>&1
    check "the sweep runs on $count ranks" test $? -eq 0
    digest_of_stages "n$count" >"n$count.stages"
    "$program" report "n$count/small" --no-times --all --format json >"n$count.json"
    "$program" report "n$count/small" --no-times --format html >"n$count.html"
done
check "2 ranks leave the same artifacts as 1" cmp -s n1.stages n2.stages
check "4 ranks leave the same artifacts as 1" cmp -s n1.stages n4.stages
check "and there are 20 of them" test "$(wc -l <n1.stages)" -eq 20
check "2 ranks give the same report as 1" cmp -s n1.json n2.json
check "4 ranks give the same report as 1" cmp -s n1.json n4.json
check "the HTML page is the same as well" cmp -s n1.html n4.html
check "the page loads nothing from elsewhere" sh -c "! grep -qE '(src|href)=\"https?:' n1.html"

"$program" run "$cfg" --results alone/small >alone.log 2>&1
check "without mpirun it runs as well" test $? -eq 0
digest_of_stages alone >alone.stages
check "and leaves the same artifacts" cmp -s n1.stages alone.stages

"$program" run "$cfg" --results n1/small >again.log 2>&1
check "a finished sweep is not run again" grep -q "done already" again.log

# Killed for good after a while, three times, then resumed.
for delay in 0.7 1.5 2.5; do
    timeout -s KILL $delay "$program" run "$cfg" --results killed/small >killed.log 2>&1
done
"$program" run "$cfg" --results killed/small >killed.log 2>&1
check "a killed sweep is resumed" test $? -eq 0
digest_of_stages killed >killed.stages
check "and ends with the same artifacts" cmp -s n1.stages killed.stages
"$program" report killed/small --no-times --all --format json >killed.json
check "and the same report" cmp -s n1.json killed.json

# Asked to leave in order.
"$program" run "$cfg" --results asked/small >asked.log 2>&1 &
pid=$!
for wait in $(seq 600); do # until its first stage has ended
    [ -z "$(find asked/stages -name '*.h5' ! -name '*.part.h5' 2>/dev/null)" ] || break
    sleep 0.05
done
kill -USR1 $pid
wait $pid
check "USR1 saves and leaves with 75" test $? -eq 75
"$program" run "$cfg" --results asked/small >asked.log 2>&1
digest_of_stages asked >asked.stages
check "and what follows ends with the same artifacts" cmp -s n1.stages asked.stages

# No time is left for anything but what a job begins with.
for round in 1 2; do
    "$program" run "$cfg" --results late/small --time-left 0.001 >late.log 2>&1
    check "with no time left it leaves with 75" test $? -eq 75
    check "and says why" grep -q "does not fit into the time left" late.log
    check "but has gone on, round $round" \
        test "$(find late/stages -name '*.h5' ! -name '*.part.h5' | wc -l)" -eq $round
done
SLURM_JOB_ID=1 SLURM_JOB_END_TIME=$(($(date +%s) + 100000)) \
    "$program" run "$cfg" --results late/small >late.log 2>&1
check "a job with time ends it" test $? -eq 0
digest_of_stages late >late.stages
check "with the same artifacts" cmp -s n1.stages late.stages

# Another sweep beside it finds the stages that both share.
"$program" run "$cfg" --results n1/other --set 'name="other"' --set 'seeds=[1]' >other.log 2>&1
check "another sweep reuses finished stages" \
    test "$(find n1/stages -name '*.h5' | wc -l)" -eq 20
"$program" run "$cfg" --results n1/small --set 'seeds=[3]' >edited.log 2>&1
check "an edited sweep is refused in the same folder" test $? -eq 2
check "and says what differs" grep -q "another version of this sweep" edited.log

"$program" run "$cfg" --results kept/small --set 'keep="leaves"' >kept.log 2>&1
check "keep = leaves removes what only led to others" \
    test "$(find kept/stages -name '*.h5' | wc -l)" -eq 12
check "and verify knows" "$program" verify kept/small >verify.log

check "verify finds nothing wrong" "$program" verify n1/small >verify.log
artifact=$(find n1/stages -name '*.h5' | LC_ALL=C sort | head -n 1)
printf 'x' | dd of="$artifact" bs=1 seek=2000 conv=notrunc 2>/dev/null
"$program" verify n1/small >verify.log 2>&1
check "verify finds a changed byte" test $? -eq 1
check "and names the file" grep -q "$(basename "$artifact" .h5)" verify.log
rm -r n1/small
"$program" gc n1 >gc.log
check "gc removes what only the removed sweep used" \
    test "$(find n1/stages -name '*.h5' | wc -l)" -eq 10
check "no process is left" no_process_left
finish
