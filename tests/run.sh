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
failures=0

run_one() { # run_one LABEL COMMAND...
    label=$1
    shift
    output=$(timeout 900 "$@" 2>&1 </dev/null)
    code=$?
    last=$(printf '%s\n' "$output" | grep -E '^[0-9]+ passed, [0-9]+ failed, [0-9]+ skipped$' | tail -n 1)
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
        for ranks in 1 2 4; do
            run_one "$name, $ranks ranks" mpirun --oversubscribe -n $ranks "$program"
        done
        ;;
    e2e) run_one "$name" sh "$program" ;;
    *) run_one "$name" "$program" ;;
    esac
done
exit $failures
