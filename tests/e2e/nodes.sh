#!/bin/sh
# A sweep over three emulated nodes (network namespaces): a node's daemon is killed, a node is cut off
# for good, cut off and back again, a rank is only slow. hpc/supervise.sh ends each with the bits of an
# undisturbed run. Minutes, so only with GRIDFRONT_SLOW=1, as root, beside ../shared/nodes.
. "$(dirname "$0")/common"
cd "$work" || exit 2
nodes=$root/../shared/nodes/nodes
if [ -z "$GRIDFRONT_SLOW" ] || [ "$(id -u)" -ne 0 ] || [ ! -x "$nodes" ]; then
    skip "a sweep over nodes that fail" "needs GRIDFRONT_SLOW=1, root and ../shared/nodes"
    finish
    exit
fi
export GRIDFRONT_SAMPLE="$root/sweeps/data/cifar10-sample.h5" GRIDFRONT_PATIENCE=20 OMP_NUM_THREADS=1
"$nodes" down >/dev/null 2>&1
"$nodes" up || { skip "a sweep over nodes that fail" "network namespaces are not to be had"; finish; exit; }
trap '"$nodes" down; rm -rf "$work"' EXIT
sed -e 's/epochs = 4/epochs = 25/; s/epochs = 3/epochs = 12/' "$root/tests/e2e/kill/sweep.cfg" >nodes.cfg

run() { # run DIR: in the background, until it is done
    GRIDFRONT_SILENCE=60 setsid sh "$root/hpc/supervise.sh" -n 5 "$1/kill" \
        "$nodes" mpirun --enable-recovery --timeout 300 --bind-to none -H mn1:1,mn2:1,mn3:1 -n 3 \
        -x GRIDFRONT_SAMPLE -x GRIDFRONT_PATIENCE -x OMP_NUM_THREADS -x OMP_WAIT_POLICY \
        "$program" run nodes.cfg --results "$work/$1/kill" >"$1.log" 2>&1 &
    supervisor=$!
}
digests() { (cd "$1/stages" && find . -name '*.h5' ! -name '*.part.h5' | LC_ALL=C sort | xargs sha256sum); }
is_calm() { # is_calm DIR: done, with the bits of the undisturbed run, and nothing left over
    [ -e "$1/kill/DONE" ] && digests "$1" | cmp -s calm.sums - &&
        "$program" report "$1/kill" --no-times --all --format json | cmp -s calm.json - &&
        "$program" verify "$1/kill" >verify.log 2>&1 &&
        [ -z "$(find "$1" -name '*.tmp' -o -name '*.part.h5')" ]
}
wait_for() { # wait_for SECONDS COMMAND...
    end=$(($(date +%s) + $1))
    shift
    until "$@"; do
        [ "$(date +%s)" -lt $end ] || return 1
        sleep 0.2
    done
}
trains_on() { # trains_on K: pid of the rank of node K, in $rank; it has a stage
    for rank in $(pgrep -x gridfront); do
        [ "$(nsenter -t "$rank" -u hostname 2>/dev/null)" = "mn$1" ] || continue
        [ "$(readlink "/proc/$rank/cwd")" = "$work" ] || continue
        [ -n "$(pgrep -x gridfront-exe -s "$(ps -o sid= -p "$rank" | tr -d ' ')")" ] && return 0
    done
    return 1
}
daemon_of() { ps -o ppid= -p "$1" | tr -d ' '; }
ended() { # ended DIR WHAT: the supervisor returns, everything is as it would have been
    wait $supervisor
    check "$2: the supervisor ends with 0" test $? -eq 0
    check "$2: with the bits of an undisturbed run" is_calm "$1"
    check "$2: no process is left" wait_for 40 no_process_left
    sleep 3
}

run calm
wait $supervisor
check "three nodes end a sweep" test $? -eq 0
digests calm >calm.sums
"$program" report calm/kill --no-times --all --format json >calm.json

run daemon
wait_for 60 trains_on 2 && kill -KILL "$(daemon_of "$rank")"
ended daemon "a node's daemon killed"

run cut
wait_for 60 trains_on 3 && "$nodes" cut 3
wait $supervisor
check "a node cut off for good: the supervisor ends with 0" test $? -eq 0
check "a node cut off for good: with the bits of an undisturbed run" is_calm cut
"$nodes" join 3
check "a node cut off for good: its ranks leave by themselves" wait_for 60 no_process_left
sleep 3

run back
wait_for 60 trains_on 3 && "$nodes" cut 3
sleep 7 # beyond its lease: its stage goes to others
"$nodes" join 3
ended back "a node cut off and back"

run slow
wait_for 60 trains_on 2 && kill -STOP "$rank"
sleep 7
kill -CONT "$rank"
ended slow "a rank that was stopped beyond its lease"
finish
