#!/bin/sh
# A job that is suspended as a whole (scontrol suspend, a laptop that sleeps) and goes on later: to
# each rank all others look silent, and none of them is.
. "$(dirname "$0")/common"
cd "$work" || exit 2
export GRIDFRONT_SAMPLE="$root/sweeps/data/cifar10-sample.h5"
cfg=$root/tests/e2e/small.cfg
artifacts() { find "$1/stages" -name '*.h5' ! -name '*.part.h5' 2>/dev/null | wc -l; }
digests() { (cd "$1/stages" && find . -name '*.h5' | LC_ALL=C sort | xargs sha256sum); }
all() { for pid in $(ps -s "$session" -o pid=); do kill "-$1" "$pid" 2>/dev/null; done; }

setsid mpirun --oversubscribe --bind-to none -n 2 "$program" run "$cfg" --results out/small \
    --set resources.lease=2 >run.log 2>&1 &
session=$!
for wait in $(seq 1200); do
    [ "$(artifacts out)" -lt 2 ] || break
    sleep 0.05
done
all STOP
sleep 8 # four leases
stopped=$(artifacts out)
all CONT
wait $session
check "a suspended sweep ends by itself" test $? -eq 0
check "it was not done before" test "$stopped" -lt 20
check "and is done now" grep -q "failed = 0" out/small/DONE
check "no rank was taken for dead" sh -c '! grep -q "silent for\|nothing heard\|stuck" run.log'
ranks 1 "$program" run "$cfg" --results calm/small >calm.log 2>&1
digests out >out.sums
digests calm >calm.sums
check "with the artifacts of an undisturbed run" cmp -s calm.sums out.sums
check "no process is left" no_process_left
finish
