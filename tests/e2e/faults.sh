#!/bin/sh
# Stages that crash, hang, eat memory, diverge or fail: recorded, quarantined, and the sweep goes on.
. "$(dirname "$0")/common"
cd "$work" || exit 2
export GRIDFRONT_SAMPLE="$root/sweeps/data/cifar10-sample.h5" FAULTY_WHILE="$work/wrong"
make -s -C "$root" TREE=faulty EXTRA_METHODS=tests/e2e/methods/faulty.c build/faulty/gridfront \
    >build.log 2>&1 || { cat build.log; echo "FAIL faults: it does not build"; exit 1; }
faulty=$root/build/faulty/gridfront
tells() { grep -q -- "$1" "$2"; }

cat >faulty.cfg <<'END'
name = "faulty";
data  : { dataset = "sample"; images = 300; validation = 100; };
model : { arch = "resnet20"; width = 4; blocks = "1,1"; };
stages = ( { train : { epochs = 1; batch = 50; }; },
           { choose = (
              ( { prune : { method = "faulty"; how = { grid = ["nothing", "segv", "hang", "memory", "fail", "while"]; }; }; },
                { finetune : { epochs = 1; batch = 50; }; } ),
              ( { finetune : { epochs = 2; batch = 10; lr = 100; weight_decay = 1; }; } ) ); } );
objectives = ( { metric = "accuracy"; }, { metric = "bytes"; } );
resources : { deadline = 8; memory = 700; max_attempts = 2; latency = "none"; };
END
touch wrong
ranks 2 "$faulty" run faulty.cfg --results out/faulty >run.log 2>&1
check "the sweep ends with code 1" test $? -eq 1
"$faulty" status out/faulty --json >status.json
check "three stages are done" tells '"done": 3' status.json
check "six have failed" tells '"failed": 6' status.json
check "five are blocked" tells '"blocked": 5' status.json
check "the crash is told with its signal" tells "Segmentation fault" run.log
check "the hang is told" tells "over its deadline" run.log
check "the memory is told" grep -qE "memory" run.log
check "the failure is told with its words" tells "it was asked to fail" run.log
check "the divergence is told with its epoch" grep -q "epoch [12].*loss is -*\(nan\|inf\)" run.log
check "the command that repeats it is told" tells "gridfront stage out/faulty" run.log
check "and the one that tries all of them" tells "run --retry-failed" run.log
"$faulty" report out/faulty --format html -o faulty.html >/dev/null
check "the crash reaches the page" tells "Segmentation fault" faulty.html

"$faulty" show out/faulty 1 >show.log 2>&1
check "show tells attempts with signal and memory" \
    grep -q "attempt 2 .*killed by signal 11 (Segmentation fault) at [0-9.]* MB" show.log
check "it was tried twice, no more" sh -c '! grep -q "attempt 3" show.log'
check "the end of the log is there" tells "about to go wrong" show.log
check "with a backtrace" grep -q "gridfront(.*+0x" show.log
check "and the command that repeats it alone" tells "gridfront stage out/faulty" show.log
row=$(sed -n 's/.*gridfront stage out\/faulty \([0-9]*\).*/\1/p' show.log | tail -n 1)
"$faulty" stage out/faulty "$row" >stage.log 2>&1
check "which repeats the failure" test $? -ne 0

"$faulty" run faulty.cfg --results out/faulty >again.log 2>&1
check "the same command tries nothing again, and still ends with 1" test $? -eq 1
rm wrong
"$faulty" run faulty.cfg --results out/faulty >again.log 2>&1
check "not even what would work now" test $? -eq 1
ranks 2 "$faulty" run faulty.cfg --results out/faulty --retry-failed \
    --set resources.max_attempts=1 >again.log 2>&1
check "with --retry-failed it does, and the others fail again" test $? -eq 1
"$faulty" status out/faulty --json >status.json
check "what it blocked is done as well" tells '"done": 5' status.json
check "five have failed for good" tells '"failed": 5' status.json
"$faulty" show out/faulty 1 >show.log 2>&1
check "attempts are counted on" tells "attempt 3" show.log
check "the sweep is done, with its failures" tells "failed = 9" out/faulty/DONE

# Interrupted with a stage in quarantine: it stays there.
sed -e 's/"nothing", "segv", "hang", "memory", "fail", "while"/"segv", "nothing"/' faulty.cfg >short.cfg
"$faulty" run short.cfg --results cut/faulty >cut.log 2>&1
rm cut/faulty/DONE
"$faulty" run short.cfg --results cut/faulty >cut.log 2>&1
check "a run that goes on leaves the quarantined alone" sh -c '! grep -q "attempt [0-9] failed" cut.log'
check "and counts them" tells "failed = 3" cut/faulty/DONE
check "no process is left" no_process_left
finish
