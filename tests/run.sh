#!/bin/sh
# run.sh KIND PROGRAM...   runs test programs, one line each, failures and skips in full
# run.sh --sum             prints the closing line over all kinds run since build/test-counts began
counts=build/test-counts

if [ "$1" = --sum ]; then
    awk '{ p += $1; f += $2; s += $3 } END {
        printf "%d tests passed, %d failed, %d skipped\n", p, f, s; exit f > 0 || p == 0 }' "$counts"
    exit
fi

kind=$1
shift
# Threads that wait do not spin: tests share the machine with other work.
export OMP_WAIT_POLICY=${OMP_WAIT_POLICY:-passive}
failures=0
if [ "$(id -u)" -eq 0 ]; then # as in a container: mpirun asks root twice
    export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
fi
if [ "$kind" = mpi ]; then # plugins of Open MPI, unloaded before the leaks that they leave are named
    export ASAN_OPTIONS="detect_leaks=0:$ASAN_OPTIONS"
fi

run_one() { # run_one LABEL COMMAND...
    label=$1
    shift
    output=$(timeout 900 "$@" 2>&1 </dev/null)
    code=$?
    # Under mpirun every rank prints its line: the one with most failures, then fewest passes, counts.
    last=$(printf '%s\n' "$output" | grep -E '^[0-9]+ passed, [0-9]+ failed, [0-9]+ skipped$' |
        sort -k 3,3nr -k 1,1n | head -n 1)
    if [ -z "$last" ] || { [ $code -ne 0 ] && [ "${last#*, 0 failed}" != "$last" ]; }; then
        last="0 passed, 1 failed, 0 skipped"
        printf '%s\n' "$output" | tail -n 40
        echo "FAIL $label: ended with exit code $code"
    else
        printf '%s\n' "$output" | grep -E -A 3 '^(FAIL|SKIP)' | grep -E '^(FAIL|SKIP|     )'
    fi
    printf '%-10s %-40s %s\n' "$kind" "$label" "$last"
    echo "$last" | tr -dc '0-9 \n' | tr -s ' ' >>"$counts"
    [ "${last#*, 0 failed}" != "$last" ] || failures=1
}

mkdir -p build
for program in "$@"; do
    name=$(basename "$program")
    case $kind in
    mpi)
        case $name in
        *_many) numbers=${RANKS:-8} ;;
        *) numbers="1 2 4" ;;
        esac
        for ranks in $numbers; do
            run_one "$name, $ranks ranks" mpirun --oversubscribe -n $ranks "$program"
        done
        case $name in
        *_lost) run_one "$name, 4 ranks, one killed" \
            mpirun --enable-recovery --oversubscribe -n 4 "$program" ;;
        esac
        ;;
    e2e) run_one "$name" sh "$program" ;;
    *) run_one "$name" "$program" ;;
    esac
done
exit $failures
