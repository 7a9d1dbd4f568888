#!/bin/sh
# Damaged files met by `run`: a truncated, emptied or changed artifact or checkpoint is made again,
# such a sweep.h5 is refused with words; nothing crashes, and no bit of a result is ever another.
. "$(dirname "$0")/common"
cd "$work" || exit 2
export GRIDFRONT_SAMPLE="$root/sweeps/data/cifar10-sample.h5" OMP_NUM_THREADS=1
build_strike
cat >short.cfg <<'END'
name = "short";
data  : { dataset = "sample"; images = 200; validation = 100; };
model : { arch = "resnet20"; width = 4; blocks = "1,1"; };
stages = ( { train : { epochs = 3; batch = 50; }; }, { prune : { method = "magnitude"; amount = 0.5; }; } );
objectives = ( { metric = "accuracy"; }, { metric = "bytes"; } );
resources : { latency = "none"; max_attempts = 1; };
END
run() { # run DIR WORD...
    dir=$1
    shift
    timeout 600 "$program" run short.cfg --results "$dir/short" "$@" >run.log 2>&1
}
struck() { # struck DIR AT: whoever makes step AT is killed; 0: nobody, but steps.log tells the steps
    rm -f steps.log
    truncate -s 0 count && truncate -s 8 count
    STRIKE_COUNT=$work/count STRIKE_ROOT=$work/$1 STRIKE_ONLY=/stages/ STRIKE_AT=$2 STRIKE_LOG=$work/steps.log \
        LD_PRELOAD=$work/strike.so "$program" run short.cfg --results "$1/short" >run.log 2>&1
}
creation() { # creation N: number of the step that begins the N-th file of the store
    grep ' create .*/stages/.*tmp ' steps.log | sed -n "$1s/ .*//p"
}
digests() { (cd "$1/stages" && find . -name '*.h5' ! -name '*.part.h5' | LC_ALL=C sort | xargs sha256sum); }
report() { "$program" report "$1/short" --no-times --all --format json; }
damage() { # damage KIND FILE
    size=$(wc -c <"$2")
    case $1 in
    truncated) truncate -s $((size / 2)) "$2" ;;
    emptied) : >"$2" ;;
    changed) printf '\125\252' | dd of="$2" bs=1 seek=$((size * 2 / 3)) conv=notrunc 2>dd.log ;;
    esac
}
is_calm() { # is_calm DIR: done, with the bits of the undisturbed run
    [ -e "$1/short/DONE" ] && digests "$1" | cmp -s calm.sums - && report "$1" | cmp -s calm.json -
}

struck calm 0
check "the undisturbed run is done" test $? -eq 0
digests calm >calm.sums
report calm >calm.json
last=$(creation 5) third=$(creation 3) # three checkpoints, then two artifacts

# One stage done; the other has failed, as its only attempt was killed.
struck half "$last"
check "half a sweep is there" test $? -eq 1 -a "$(find half/stages -name '*.h5' | wc -l)" -eq 1
for kind in truncated emptied changed; do
    cp -a half hit
    damage $kind "$(find hit/stages -name '*.h5')"
    run hit --retry-failed
    check "a $kind artifact is made again for those that need it" is_calm hit
    check "and the run says so" grep -q "stage 0 is done again" run.log
    rm -r hit

    cp -a half hit
    damage $kind hit/short/sweep.h5
    run hit --retry-failed
    code=$?
    check "a $kind sweep.h5 is refused ($code), or stands for the truth" \
        test $code -eq 2 -o $code -eq 0
    check "and named" test $code -eq 0 -o "$(grep -c "hit/short/sweep.h5" run.log)" -ge 1
    rm hit/short/sweep.h5 hit/short/DONE
    run hit --retry-failed
    check "without it the sweep begins anew, and uses the artifacts" is_calm hit
    check "which are not made again" test "$(find hit/stages -newer half/short/DONE -name '*.h5' | wc -l)" -eq 1
    rm -r hit
done

# Rows of sweep.h5: whatever bytes are there, the run ends, with words or with the truth.
size=$(wc -c <half/short/sweep.h5)
crashed=0 wrong=0
for i in $(seq 1 "${GRIDFRONT_SLOW:+40}${GRIDFRONT_SLOW:-12}"); do
    cp -a half hit
    printf '\377\001\377' | dd of=hit/short/sweep.h5 bs=1 conv=notrunc \
        seek=$((i * 104729 % (size - 4))) 2>dd.log
    run hit --retry-failed
    code=$?
    [ $code -le 3 ] || crashed=$((crashed + 1))
    [ $code -ne 0 ] || is_calm hit || { wrong=$((wrong + 1)); [ -z "$KEEP_FAILED" ] || cp -a hit "$KEEP_FAILED/$i"; }
    rm -r hit
done
check "changed bytes anywhere in sweep.h5 crash no run" test $crashed -eq 0
check "and make none silently wrong" test $wrong -eq 0

# Killed in the middle of the training, with a checkpoint of two epochs.
struck cut "$third"
check "killed before its third checkpoint the only attempt has failed" test $? -eq 1
check "with two epochs in the second" test "$(find cut/stages -name '*.part.h5' | wc -l)" -eq 1
for kind in untouched truncated emptied changed; do
    cp -a cut hit
    damage $kind "$(find hit/stages -name '*.part.h5')"
    run hit --retry-failed
    check "a stage with a checkpoint that is $kind ends with the same bits" is_calm hit
    check "which leaves nothing over" test -z "$(find hit -name '*.tmp' -o -name '*.part.h5')"
    rm -r hit
done
check "no process is left" no_process_left
finish
