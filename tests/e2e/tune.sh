#!/bin/sh
# gridfront tune: what it keeps, where, and what it does without. That no bit of a result depends on
# it, unit/kernels_tune.c checks.
. "$(dirname "$0")/common"
cd "$work" || exit 2
export XDG_CACHE_HOME="$work/cache" OMP_NUM_THREADS=1
unset GRIDFRONT_TUNE

quick="--width 4 --batch 2 --threads 1"
check "a version without a plan says so" sh -c "'$program' version | grep -q '^tuning *nothing measured yet'"
"$program" tune $quick >tune.txt
check "tune ends well" test $? -eq 0
check "and says where the plan lies" grep -q "^plan: .* ($XDG_CACHE_HOME/gridfront/tuning-\| $XDG_CACHE_HOME/gridfront/tuning-" tune.txt

"$program" tune --batch 0 >out.log 2>err.log
check "a batch of nothing is refused" test $? -eq 2
check "with what is allowed" grep -qF -- "batch = 0 is outside [1, 8192]" err.log
GRIDFRONT_TUNE=off "$program" tune $quick >out.log 2>err.log
check "switched off, nothing is measured" test $? -eq 2
check "and the switch is named" grep -q "GRIDFRONT_TUNE is off" err.log
env -u HOME -u XDG_CACHE_HOME "$program" tune $quick >out.log 2>err.log
check "without a home it ends well all the same" test $? -eq 0

finish
