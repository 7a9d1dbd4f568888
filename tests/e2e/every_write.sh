#!/bin/sh
# Kills the process that changes a file, before every change that a small sweep makes: there is no
# instant between two changes that is not tried. The run that goes on is killed as well. The same
# command then ends the sweep, with the bits of an undisturbed run, at most one epoch trained again
# for each, and nothing left over. Every step with GRIDFRONT_SLOW=1 (minutes), else every 13th.
. "$(dirname "$0")/common"
cd "$work" || exit 2
export GRIDFRONT_SAMPLE="$root/sweeps/data/cifar10-sample.h5" OMP_NUM_THREADS=1
build_strike
cat >short.cfg <<'END'
name = "short";
data  : { dataset = "sample"; images = 200; validation = 100; };
model : { arch = "resnet20"; width = 4; blocks = "1,1"; };
stages = ( { train : { epochs = 2; batch = 50; }; }, { prune : { method = "magnitude"; amount = 0.5; }; } );
objectives = ( { metric = "accuracy"; }, { metric = "bytes"; } );
resources : { latency = "none"; };
END

run() { # run DIR AT: struck at step AT, 0 never
    truncate -s 0 count && truncate -s 8 count
    STRIKE_COUNT=$work/count STRIKE_ROOT=$work/$1 STRIKE_AT=$2 STRIKE_LOG=$work/steps.log \
        LD_PRELOAD=$work/strike.so "$program" run short.cfg --results "$1/short" >run.log 2>&1
}
digests() { (cd "$1/stages" && find . -name '*.h5' | LC_ALL=C sort | xargs sha256sum); }
report() { "$program" report "$1/short" --no-times --all --format json; }

run calm 0
check "the undisturbed run is done" test -e calm/short/DONE
digests calm >calm.sums
report calm >calm.json
steps=$(wc -l <steps.log)
epochs=$(grep -c ' pwrite /short/sweep.h5 128 ' steps.log)
check "it changes files often ($steps times), for $epochs epochs too" test "$steps" -ge 60 -a "$epochs" -eq 2

wrong() {
    echo "     struck at step $at of $steps ($(grep struck steps.log)): $1"
    bad=$((bad + 1))
}
stride=13 bad=0 tried=0 at=1
[ -z "$GRIDFRONT_SLOW" ] || stride=1
while [ $at -le "$steps" ]; do
    rm -f steps.log
    run hit $at
    [ -e hit/short/DONE ] || run hit $((1 + at * 7 % 60))
    [ -e hit/short/DONE ] || run hit 0
    [ -e hit/short/DONE ] || wrong "not done: $(tail -n 1 run.log)"
    digests hit | cmp -s calm.sums - || wrong "other artifacts"
    report hit 2>&1 | cmp -s calm.json - || wrong "another report"
    "$program" verify hit/short >verify.log 2>&1 || wrong "verify: $(head -n 1 verify.log)"
    left=$(find hit -name '*.tmp' -o -name '*.part.h5')
    [ -z "$left" ] || wrong "left over: $left"
    again=$(($(grep -c ' pwrite /short/sweep.h5 128 ' steps.log) - epochs))
    [ $again -le "$(grep -c struck steps.log)" ] || wrong "$again epochs trained again"
    rm -rf hit
    tried=$((tried + 1))
    at=$((at + stride))
done
check "struck at $tried of $steps steps, the sweep ended as if it had not been" test $bad -eq 0
check "no process is left" no_process_left
finish
