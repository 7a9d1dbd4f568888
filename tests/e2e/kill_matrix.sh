#!/bin/sh
# Shoots at sweeps at random instants, runs them again until they are done, and compares every bit.
#
#   tests/e2e/kill_matrix.sh [COUNT [SEED [FIRST]]]   until COUNT hits (20), from sweep FIRST (1) on
#
# A sweep is hit up to eight times; instants at which nobody was there to be hit are told, and do not
# count. A failure prints "replay: kill_matrix.sh 1 SEED NUMBER". Sweep N of
# seed S draws all it needs from x <- (1103515245 x + 12345) mod 2^31, begun at 7919 S + 104729 N, of
# which the upper bits count; an instant is a share of the time that the undisturbed run took, since
# the start or the last one, or the moment when there are so many files. With COUNT every sweep is
# told in a line; without it, it ends after 3 minutes, and says so. Left out: what happens between
# nodes (nodes.sh), inside stages (faults.sh), on full disks (disk.sh); instants between two writes
# are tried one after the other in every_write.sh.
. "$(dirname "$0")/common"
cd "$work" || exit 2
count=${1:-20}
seed=${2:-1}
first=${3:-1}
cfg=$root/tests/e2e/kill/sweep.cfg
export GRIDFRONT_SAMPLE="$root/sweeps/data/cifar10-sample.h5" GRIDFRONT_PATIENCE=20
export OMPI_MCA_btl_vader_backing_directory="$work/shm" TMPDIR="$work/tmp" OMPI_MCA_orte_tmpdir_base="$work/tmp"
mkdir shm tmp

draw() { # draw BELOW: sets $drawn
    state=$(((state * 1103515245 + 12345) % 2147483648))
    drawn=$((state / 1024 % $1))
}
pick() { # pick WORD...: sets $drawn to one of them
    draw $#
    shift $drawn
    drawn=$1
}
milliseconds() { date +%s%3N; }
nap() { sleep "$(($1 / 1000)).$(printf %03d $(($1 % 1000)))"; }

# ---- one run: mpirun in a session of its own, so that what it leaves can be found ----

start() { # start DIR
    setsid mpirun $recovery --oversubscribe --bind-to none -n "$ranks" \
        "$program" run "$cfg" --results "$1/kill" >run.log 2>&1 &
    session=$!
}
of_session() { ps -s "$session" -o pid=,stat=,comm= | awk '$2 !~ /^Z/ && $3 ~ "^(mpirun|gridfront.*)$"'; }
is_over() { # no process is started to ask: this is asked often
    read -r about 2>/dev/null <"/proc/$session/stat" || return 0
    case ${about##*) } in Z*) return 0 ;; esac
    return 1
}
rank_of() { tr '\0' '\n' <"/proc/$1/environ" 2>/dev/null | sed -n 's/^OMPI_COMM_WORLD_RANK=//p'; }

find_victim() { # find_victim KIND: sets $victim, empty when there is none now
    victim=
    case $1 in
    mpirun) victim=$session ;;
    zygote) victim=$(of_session | awk -v n="$which" '$3 == "gridfront-zyg" { p[k++] = $1 } END { if (k) print p[n % k] }') ;;
    executor) victim=$(of_session | awk -v n="$which" '$3 == "gridfront-exe" { p[k++] = $1 } END { if (k) print p[n % k] }') ;;
    *) for pid in $(of_session | awk '$3 == "gridfront" { print $1 }'); do
           case $1$(rank_of "$pid") in master0 | worker[1-9]) victim=$pid && break ;; esac
       done ;;
    esac
}

plan_fault() { # draws everything about one fault
    pick executor executor zygote worker master mpirun; kind=$drawn
    pick KILL KILL SEGV STOP; signal=$drawn
    draw 1000; share=$drawn
    pick early any any file; moment=$drawn
    [ $moment = early ] && share=$((share / 5))
    [ $faults -eq 1 ] || share=$((share / 3))
    draw 8; files=$((drawn + 1))
    draw 97; which=$drawn
    pick continued killed; after=$drawn
    draw 1500; pause=$drawn
    fault="$kind $signal$([ $signal = STOP ] && echo " then $after after $pause ms,")"
    if [ $moment = file ]; then fault="$fault at file $files"; else fault="$fault after $share/1000"; fi
}
wait_for_instant() {
    if [ $moment != file ]; then
        nap $((share * length / 1000))
        return
    fi
    for look in $(seq $((50 * limit))); do # a launcher that is stuck alone writes no file
        set -- "$dir"/stages/*/*
        is_over && return
        [ $# -lt $files ] || [ ! -e "$1" ] || return
        sleep 0.02
    done
}
strike() { # the one fault that was planned; counts whether it hit
    wait_for_instant
    for try in 1 2 3 4 5 6; do
        find_victim $kind
        [ -n "$victim" ] && break
        is_over && return
        sleep 0.03
    done
    [ -n "$victim" ] && kill -$signal "$victim" 2>/dev/null && hits=$((hits + 1))
    [ -n "$victim" ] && [ $signal = STOP ] || return
    nap $pause
    if [ $after = continued ]; then kill -CONT "$victim"; else kill -KILL "$victim"; fi 2>/dev/null
}

patience() { # patience SECONDS COMMAND...: until it holds
    end=$(($(date +%s) + $1))
    shift
    until "$@"; do
        [ "$(date +%s)" -lt $end ] || return 1
        sleep 0.1
    done
}
nobody_left() { [ -z "$(of_session)" ]; }

# ---- one sweep ----

wrong() {
    echo "FAIL kill_matrix: sweep $number (seed $seed): $1"
    echo "     -n $ranks $recovery: $story; replay: kill_matrix.sh 1 $seed $number"
    [ -z "$KEEP_FAILED" ] || cp -r "$dir" run.log "$KEEP_FAILED/"
    bad=1
}
artifacts() { find "$1/stages" -name '*.h5' ! -name '*.part.h5' -printf "$2" 2>/dev/null | LC_ALL=C sort; }
digests() { (cd "$1" && artifacts . '%p\n' | xargs -r sha256sum); }

# Open MPI's launcher may stay by itself when a rank dies while it connects (seen once in 800 instants;
# hpc/supervise.sh ends it by the silence of the run): a minute alone is counted, and is no fault of ours.
outlives_ranks() { # until mpirun has ended, or is stuck; its time alone is not the ranks' time
    alone=0 waited=0
    while [ $waited -lt $limit ]; do
        patience 1 is_over && return 1
        if [ -n "$(of_session | grep -v mpirun)" ]; then
            alone=0 waited=$((waited + 1))
            continue
        fi
        alone=$((alone + 1))
        [ $alone -lt 60 ] || return 0
    done
    wrong "mpirun does not end: $(of_session | tr '\n' ' ')"
    return 1
}
end_run() { # after its faults, or for good: everybody has to leave
    if outlives_ranks; then stuck=$((stuck + 1)) && kill -KILL "$session"; fi
    patience 10 is_over && wait "$session"
    code=$?
    patience $limit nobody_left || wrong "left behind: $(of_session | tr '\n' ' ')"
    for pid in $(of_session | awk '{ print $1 }'); do kill -KILL "$pid" 2>/dev/null; done
    rm -rf shm/* tmp/*
}
nothing_lost() { # every artifact that was there is there, untouched
    artifacts "$dir" '%p %i %T@\n' >now.list
    [ -z "$(LC_ALL=C comm -23 "$dir.list" now.list)" ] || wrong "a finished stage was lost or done again"
    mv now.list "$dir.list"
}
done_means_done() {
    [ -e "$dir/kill/DONE" ] || return
    "$program" status "$dir/kill" --json | grep -q "\"done\": $stages" || wrong "DONE, but it is not"
}
compare() {
    digests "$dir" >now.digests
    cmp -s reference.digests now.digests || wrong "other artifacts than the undisturbed run's"
    "$program" verify "$dir/kill" >verify.log 2>&1 || wrong "verify: $(head -n 1 verify.log)"
    "$program" report "$dir/kill" --no-times --all --format json >now.json 2>&1
    cmp -s reference.json now.json || wrong "another report than the undisturbed run's"
    left=$(find "$dir" -name '*.part.h5' -o -name '*.tmp')
    [ -z "$left" ] || wrong "left over: $left"
}
run_once() { # one run, with those faults that it lives to see
    start "$dir"
    fired=0
    while [ $struck -lt $faults ] && ! is_over; do
        plan_fault
        story="$story${story:+; }run $round: $fault"
        strike
        struck=$((struck + 1))
        fired=1
    done
    end_run
    runs=$((runs + 1))
}
shoot() { # shoot NUMBER
    number=$1
    state=$(((seed * 7919 + number * 104729) % 2147483648))
    bad=0 story= dir=i$number struck=0 before=$hits
    : >"$dir.list"
    pick 2 3; ranks=$drawn
    pick --enable-recovery --enable-recovery ""; recovery=$drawn
    draw 8; faults=$((drawn + 1)) # below max_attempts
    for round in 1 2 3 4 5 6 7 8 9 10 11; do
        run_once
        nothing_lost
        done_means_done
        [ -e "$dir/kill/DONE" ] && break
    done
    [ -e "$dir/kill/DONE" ] || wrong "not done after $round runs: $(tail -n 1 run.log)"
    [ $fired -eq 1 ] || [ $code -eq 0 ] || wrong "the last run ended with $code"
    compare
    rm -rf "$dir" "$dir.list"
    instants=$((instants + struck))
    [ -z "$told" ] || echo "$number -n $ranks $recovery: $story: $((hits - before)) hit," \
        "$round runs, $([ $bad = 0 ] && echo right || echo WRONG) ($hits hits, $(date +%T))"
    [ $bad -eq 0 ]
}

# ---- the undisturbed run, then all sweeps ----

stuck=0 ranks=2 recovery=--enable-recovery limit=600 story= told=${1:+yes}
for dir in again reference; do # the first run of all takes longer than any other
    began=$(milliseconds)
    start $dir
    end_run
    length=$(($(milliseconds) - began))
done
limit=$((80 + length / 50))
check "the undisturbed run is done" test -e reference/kill/DONE
digests reference >reference.digests
"$program" report reference/kill --no-times --all --format json >reference.json
stages=$(wc -l <reference.digests)
check "and leaves its stages" test "$stages" -eq 6

hits=0 runs=0 instants=0 number=$first
while [ $hits -lt "$count" ] && [ $((number - first)) -lt $((2 * count)) ]; do
    if [ $# -eq 0 ] && [ $(($(milliseconds) - began)) -gt 180000 ]; then
        skip "the hits from $hits on" "3 minutes are over: this machine is busy"
        break
    fi
    if shoot $number; then passed=$((passed + 1)); else failed=$((failed + 1)); fi
    number=$((number + 1))
done
echo "kill_matrix: seed $seed, $((number - first)) sweeps, $instants instants of which $hits hit somebody," \
    "$runs runs, $(($(milliseconds) - began)) ms, undisturbed $length ms, mpirun stuck alone $stuck times"
[ $hits -ge "$count" ] || [ $# -eq 0 ] || echo "kill_matrix: the sweeps were over before $((instants - hits)) faults came"
[ $instants -lt 20 ] || check "faults hit somebody" test $hits -gt 0
check "no process is left" no_process_left
finish
