#!/bin/sh
# Empty tasks through Gridfront's farm and through mpi4py.futures: the two take turns, several
# rounds, and the median of each counts. First the protocol alone (n ranks: a master and n - 1
# workers on either side), then with a process forked for every task (ours works on rank 0 as
# well, as in a sweep). Not a test: nothing passes or fails.
#
# usage: tests/bench/farm_peers.sh [RANKS ...]           2 8 32 64 when none is given
# KINDS (protocol executors), ROUNDS (3), SECONDS_EACH (2: for how long there are tasks, by the rate
# seen before), PYTHON (python3, /usr/bin/python3), VERBOSE (each run as well)
here=$(cd "$(dirname "$0")" && pwd)
program=$here/../../build/gridfront
rounds=${ROUNDS:-3} seconds=${SECONDS_EACH:-2}
[ $# -gt 0 ] || set -- 2 8 32 64
if [ "$(id -u)" -eq 0 ]; then export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1; fi
log=$(mktemp)
trap 'rm -f "$log"' EXIT

for python in ${PYTHON:-python3 /usr/bin/python3}; do
    "$python" -c 'import mpi4py.futures' 2>/dev/null && break
    python=
done
[ -n "$python" ] || { echo "SKIP farm_peers: no python3 here has mpi4py"; exit 0; }
[ -x "$program" ] || { echo "farm_peers: $program is not there; run: make" >&2; exit 2; }

rate() { # rate RANKS ours|peer TASKS [--executors]: tasks per second
    count=$1 side=$2 tasks=$3
    shift 3
    case $side in
    ours) set -- "$program" bench farm --json --tasks "$tasks" "$@" ;;
    peer) set -- "$python" -m mpi4py.futures "$here/farm_peers.py" "$tasks" "$@" ;;
    esac
    timeout 300 mpirun --oversubscribe --bind-to none -n "$count" "$@" 2>/dev/null |
        sed -n 's/.*"tasks_per_second": \([0-9.]*\).*/\1/p'
}
enough() { # enough RATE: tasks for so many seconds
    awk -v rate="${1:-100}" -v seconds="$seconds" 'BEGIN { n = int(rate * seconds); print n < 100 ? 100 : n }'
}
compare() { # compare RANKS KIND [--executors]
    ranks=$1 kind=$2
    shift 2
    ours=1000 peer=1000
    for round in $(seq "$rounds"); do
        ours=$(rate "$ranks" ours "$(enough "$ours")" "$@")
        peer=$(rate "$ranks" peer "$(enough "$peer")" "$@")
        echo "$ranks|$kind|$ours|$peer" >>"$log"
        [ -z "$VERBOSE" ] || echo "  $ranks ranks, $kind, round $round: $ours $peer" >&2
    done
}

printf '%6s  %-18s %14s %16s %8s   %s\n' ranks "" "ours, tasks/s" "mpi4py, tasks/s" ratio "of rounds"
for ranks in "$@"; do
    for kind in ${KINDS:-protocol executors}; do
        case $kind in
        protocol) compare "$ranks" "$kind" ;;
        executors) compare "$ranks" "$kind" --executors ;;
        esac
        grep "^$ranks|$kind|" "$log" | awk -F '|' -v ranks="$ranks" -v kind="$kind" '
            function median(values, n,   i, j, kept) {
                for (i = 2; i <= n; i++)
                    for (j = i; j > 1 && values[j] < values[j - 1]; j--) {
                        kept = values[j]; values[j] = values[j - 1]; values[j - 1] = kept
                    }
                return n % 2 ? values[(n + 1) / 2] : (values[n / 2] + values[n / 2 + 1]) / 2
            }
            $3 > 0 && $4 > 0 { n++; ours[n] = $3; peer[n] = $4; ratio[n] = $3 / $4
                              all = all sprintf(" %.1f", ratio[n]) }
            END {
                what = kind == "protocol" ? "protocol alone" : "fork per task"
                if (n == 0) { printf "%6d  %-18s failed\n", ranks, what; exit }
                printf "%6d  %-18s %14.0f %16.0f %7.1fx  %s\n", ranks, what, median(ours, n),
                       median(peer, n), median(ratio, n), all
            }'
    done
done
