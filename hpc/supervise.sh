#!/bin/sh
# Runs a command such as 'mpirun ... gridfront run ...' again and again until the sweep is done.
#
#   hpc/supervise.sh [-n ROUNDS] DIR COMMAND...     DIR: the results folder of the sweep
#
# Success is the DONE mark in DIR, not mpirun's exit code, which hides dead ranks. A set-up error
# (exit code 2) ends it at once; a round that finishes no stage is the last but two. Over several
# nodes mpirun may never return once a rank has died: it is ended here when DONE has stood for 30 s,
# or when the run's heartbeat, DIR/lease, has been silent for GRIDFRONT_SILENCE seconds (300).
rounds=100
if [ "$1" = -n ]; then
    rounds=$2
    shift 2
fi
[ $# -ge 2 ] || { sed -n '2,9s/^# \{0,1\}//p' "$0"; exit 2; }
dir=$1
shift
silence=${GRIDFRONT_SILENCE:-300}
pid=

forward() { [ -n "$pid" ] && kill -"$1" "$pid" 2>/dev/null; asked=1; }
trap 'forward USR1' USR1
trap 'forward TERM' TERM
trap 'forward TERM' INT

seconds() { date +%s; }
touched() { stat -c %Y "$1" 2>/dev/null || echo 0; } # s since 1970, 0: not there
is_running() { kill -0 "$pid" 2>/dev/null; }

is_stuck() { # all that matters has been said, or nobody is left to say it
    now=$(seconds)
    beat=$(touched "$dir/lease")
    [ "$beat" -gt "$began" ] || beat=$began
    done=$(touched "$dir/DONE")
    { [ "$done" -ge "$began" ] && [ $((now - done)) -gt 30 ] && [ ! -e "$dir/lease" ]; } ||
        [ $((now - beat)) -gt "$silence" ]
}
end_it() {
    echo "supervise: the command does not return; it is ended" >&2
    kill -TERM "$pid" 2>/dev/null
    for second in 1 2 3 4 5 6 7 8 9 10; do is_running && sleep 1; done
    kill -KILL "$pid" 2>/dev/null
}
run_once() { # sets $code; 0 when the command was ended after DONE
    began=$(seconds)
    "$@" &
    pid=$!
    ended=
    while is_running; do
        sleep 0.2
        [ -n "$ended" ] || ! is_stuck || { ended=1; end_it; }
    done
    wait "$pid"
    code=$?
    pid=
    [ -z "$ended" ] || [ ! -e "$dir/DONE" ] || code=$(grep -qx 'failed = 0' "$dir/DONE"; echo $?)
}

idle=0
round=1
asked=
while [ "$round" -le "$rounds" ]; do
    before=$(find "$dir/../stages" -name '*.h5' 2>/dev/null | wc -l)
    run_once "$@"
    [ -e "$dir/DONE" ] && exit "$code"
    [ $code -eq 2 ] && exit 2
    [ -n "$asked" ] && exit 75
    after=$(find "$dir/../stages" -name '*.h5' 2>/dev/null | wc -l)
    if [ "$after" -gt "$before" ]; then idle=0; else idle=$((idle + 1)); fi
    if [ $idle -ge 3 ]; then
        echo "supervise: three rounds in a row finished nothing; giving up" >&2
        exit 3
    fi
    echo "supervise: round $round ended with $code and the sweep is not done; again" >&2
    round=$((round + 1))
done
echo "supervise: not done after $rounds rounds" >&2
exit 3
