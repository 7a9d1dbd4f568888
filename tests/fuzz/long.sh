#!/bin/sh
# long.sh SECONDS HARNESS...   libFuzzer on each harness, from real inputs, with what earlier runs
# found; a line each. What crashes, hangs, leaks or takes too much memory is kept in build/fuzzed.
seconds=$1
shift
mkdir -p build/fuzzed
failures=0
export OMP_NUM_THREADS=1
export ASAN_OPTIONS="allocator_may_return_null=0:max_allocation_size_mb=2048:$ASAN_OPTIONS"
for harness in "$@"; do
    corpus=build/fuzzed/$harness
    mkdir -p "$corpus"
    build/release/tests/fuzz/$harness --seeds "$corpus.real" >/dev/null
    build/fuzz/tests/fuzz/$harness -max_total_time="$seconds" -timeout=120 -rss_limit_mb=3000 \
        -max_len=65536 -artifact_prefix="build/fuzzed/$harness-" -print_final_stats=1 \
        "$corpus" "$corpus.real" >"$corpus.log" 2>&1 || failures=$((failures + 1))
    runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$corpus.log")
    found=$(sed -n 's/.*Test unit written to //p' "$corpus.log")
    printf '%-10s %10s inputs  %s\n' "$harness" "${runs:-?}" "${found:-nothing found}"
done
exit $failures
