#!/bin/sh
# A results folder that came from somebody else: nothing is written where it says, and what is
# broken in it is an error.
. "$(dirname "$0")/common"
cd "$work" || exit 2
export GRIDFRONT_SAMPLE="$root/sweeps/data/cifar10-sample.h5"
cat >tiny.cfg <<'END'
name = "tiny";
data  : { dataset = "sample"; images = 300; validation = 100; };
model : { arch = "resnet20"; width = 4; blocks = "1,1"; };
stages = ( { train : { epochs = 1; batch = 50; }; } );
objectives = ( { metric = "accuracy"; }, { metric = "bytes"; } );
resources : { latency = "none"; };
END

"$program" run tiny.cfg --results given/tiny --store elsewhere >run.log 2>&1
check "artifacts go to a store that is named" test $? -eq 0 -a "$(find elsewhere -name '*.h5' | wc -l)" -eq 1
"$program" run tiny.cfg --results given/tiny >run.log 2>&1
check "a store that only sweep.h5 names is not written to" test $? -eq 2
check "and the words that agree to it are told" grep -q "agree with --store $work/elsewhere" run.log
"$program" stage given/tiny 0 >run.log 2>&1
check "nor by a stage that is run alone" test $? -eq 2
check "which does when it is agreed to" "$program" stage given/tiny 0 --store elsewhere >run.log 2>&1

mkdir -p linked outside
ln -s "$work/outside" linked/stages
"$program" run tiny.cfg --results linked/tiny >run.log 2>&1
check "a store that is a symbolic link is refused" test $? -ne 0
check "and nothing is behind it" test -z "$(find outside -type f)"
"$program" gc linked >run.log 2>&1
check "gc removes nothing behind a link" test $? -ne 0

# A byte in a thousand places, each with a head that is as long as it says: an error or the truth.
size=$(wc -c <given/tiny/sweep.h5)
crashed=0
for i in $(seq 1 25); do
    rm -rf broken
    mkdir broken
    cp given/tiny/sweep.h5 broken/
    printf '\377\000\377\177' | dd of=broken/sweep.h5 bs=1 conv=notrunc \
        seek=$((4096 + i * 7919 % (size - 4100))) 2>dd.log
    for what in report verify "status --json"; do
        "$program" ${what%% *} broken >broken.log 2>&1
        [ $? -lt 10 ] || crashed=$((crashed + 1))
    done
done
check "a sweep.h5 with wrong bytes ends no command by a signal" test $crashed -eq 0
finish
