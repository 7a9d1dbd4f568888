#!/bin/sh
# Stages that crash, hang, eat memory or fail: recorded, and the sweep goes on.
. "$(dirname "$0")/common"
cd "$work" || exit 2
export GRIDFRONT_SAMPLE="$root/sweeps/data/cifar10-sample.h5"
make -s -C "$root" TREE=faulty EXTRA_METHODS=tests/e2e/methods/faulty.c build/faulty/gridfront \
    >build.log 2>&1 || { cat build.log; echo "FAIL faults: it does not build"; exit 1; }
faulty=$root/build/faulty/gridfront

cat >faulty.cfg <<'END'
name = "faulty";
data  : { dataset = "sample"; images = 300; validation = 100; };
model : { arch = "resnet20"; width = 4; blocks = "1,1"; };
stages = ( { train : { epochs = 1; batch = 50; }; },
           { prune : { method = "faulty"; how = { grid = ["nothing", "segv", "hang", "memory", "fail"]; }; }; },
           { finetune : { epochs = 1; batch = 50; }; } );
objectives = ( { metric = "accuracy"; }, { metric = "bytes"; } );
resources : { deadline = 4; memory = 700; max_attempts = 2; latency = "none"; };
END
ranks 2 "$faulty" run faulty.cfg --results out/faulty >run.log 2>&1
check "the sweep ends with code 1" test $? -eq 1
"$faulty" status out/faulty --json >status.json
check "three stages are done" grep -q '"done": 3' status.json
check "four have failed" grep -q '"failed": 4' status.json
check "four are blocked" grep -q '"blocked": 4' status.json
check "the crash is told with its signal" grep -q "Segmentation fault" run.log
check "the hang is told" grep -q "over its deadline" run.log
check "the memory is told" grep -qE "memory" run.log
check "the failure is told with its words" grep -q "it was asked to fail" run.log
check "the command that repeats it is told" grep -q "gridfront stage out/faulty" run.log
"$faulty" report out/faulty --format html -o faulty.html >/dev/null
check "the crash reaches the page" grep -q "Segmentation fault" faulty.html
"$faulty" show out/faulty 1 --log >show.log 2>&1
check "the log of a failed stage is kept" grep -q "about to go wrong" show.log
row=$(sed -n 's/.*gridfront stage out\/faulty \([0-9]*\).*/\1/p' run.log | tail -n 1)
"$faulty" stage out/faulty "$row" >stage.log 2>&1
check "the command repeats the failure" test $? -ne 0
check "no process is left" no_process_left
finish
