#!/bin/sh
# Runs a command such as 'mpirun ... gridfront run ...' again and again until the sweep is done.
#
#   hpc/supervise.sh [-n ROUNDS] DIR COMMAND...     DIR: the results folder of the sweep
#
# Success is the DONE mark in DIR, not mpirun's exit code, which hides dead ranks. A set-up error
# (exit code 2) ends it at once; a round that finishes no stage is the last but two.
rounds=100
if [ "$1" = -n ]; then
    rounds=$2
    shift 2
fi
[ $# -ge 2 ] || { sed -n '2,7s/^# \{0,1\}//p' "$0"; exit 2; }
dir=$1
shift

idle=0
round=1
while [ "$round" -le "$rounds" ]; do
    before=$(find "$dir/../stages" -name '*.h5' 2>/dev/null | wc -l)
    "$@"
    code=$?
    [ -e "$dir/DONE" ] && exit "$code"
    [ $code -eq 2 ] && exit 2
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
