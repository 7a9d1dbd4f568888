#!/bin/sh
# Arguments, errors and exit codes.
. "$(dirname "$0")/common"
cd "$work" || exit 2
export GRIDFRONT_SAMPLE="$root/sweeps/data/cifar10-sample.h5"

refused() { # refused SENTENCE WORDS ARGUMENTS...: exit code 2 and one line that holds WORDS
    sentence=$1
    words=$2
    shift 2
    "$program" "$@" >out.log 2>err.log
    code=$?
    check "$sentence: exit code 2" test $code -eq 2
    check "$sentence: says so" grep -qF -- "$words" err.log
    check "$sentence: in one line" test "$(wc -l <err.log)" -le 2
}
refused "no command" "which command?"
refused "an unknown command" "did you mean 'report'?" reprot
refused "an unknown option" "did you mean --store?" run x.cfg --stor y
refused "a missing value" "--results needs a value" run x.cfg --results
refused "a bad time" "--time-left = 1:2x is no time" run x.cfg --time-left 1:2x
refused "too many arguments" "one argument too many" plan a b
refused "a bad point" "is not POINT or POINT.SEED" show results/x 1.b
refused "a bad format" "docx" report results/x --format docx
refused "a range upside down" "--from 1 is not below --to 0.5" range x.cfg --from 1 --to 0.5
refused "a range of no rate" "--to = 0 is outside (0, 100]" range x.cfg --to 0
refused "nothing of that name" "nothing is called 'amuont'" help amuont

"$program" run --help >out.log 2>err.log
check "every command explains itself" grep -q "retry-failed" out.log
check "by help as well" sh -c "'$program' help run | cmp -s - out.log"

printf 'name = "bad"; model : { widht = 16; }; stages = ( { train : { epochs = 0; lr = 900; }; } );\n' >bad.cfg
"$program" run bad.cfg >out.log 2>err.log
check "a wrong sweep file ends with 2" test $? -eq 2
check "the unknown key is named with its line" grep -q "bad.cfg:1: .*widht.*width" err.log
check "the value and its range are named" grep -qE "epochs = 0 is outside \[1" err.log
check "all mistakes at once" grep -qE "lr = 900 is outside" err.log
check "nothing was started" grep -q "nothing was started" err.log
check "and no folder made" test ! -e results

printf 'name = "late"; objectives = ( "accuracy" ); data : { dataset = "sample"; validation = 5000; }; stages = ( { train : { }; } );\n' >late.cfg
"$program" plan late.cfg >out.log 2>err.log
check "a validation set that leaves nothing ends with 2" test $? -eq 2
check "and is named with its range" grep -q "late.cfg:1: data.validation = 5000 .* allowed 0 to 4998" err.log
printf 'name = "late"; objectives = ( "accuracy" ); stages = ( { train : { epochs = 2; schedule : { warmup = 2; }; }; } );\n' >late.cfg
"$program" plan late.cfg >out.log 2>err.log
check "a warm-up as long as its training ends with 2" test $? -eq 2
check "and is named with its stage" grep -q "late.cfg:1: train: schedule.warmup = 2 is not shorter" err.log
printf 'name = "late"; objectives = ( "accuracy" ); data : { validation = 0; }; stages = ( { train : { epochs = 2; schedule = "plateau"; }; } );\n' >late.cfg
"$program" plan late.cfg >out.log 2>err.log
check "a schedule that watches no validation images ends with 2" test $? -eq 2
check "and is named with what is missing" grep -q 'late.cfg:1: train: schedule.policy = "plateau" .* data.validation must not be 0' err.log
printf 'name = "late"; objectives = ( "accuracy" ); stages = ( { train : { epochs = 9; schedule : { policy = "multi-step"; at = [6, 3]; }; }; } );\n' >late.cfg
"$program" plan late.cfg >out.log 2>err.log
check "steps that do not ascend end with 2" test $? -eq 2
check "and are named" grep -q 'late.cfg:1: train: schedule.at = 6,3: epochs must be above 0 and ascend' err.log
printf 'name = "late"; objectives = ( "accuracy" ); data : { path = "/nowhere"; }; stages = ( { train : { epochs = 1; }; } );\n' >late.cfg
GRIDFRONT_DATA= "$program" run late.cfg >out.log 2>err.log
check "images that are not there end with 2" test $? -eq 2
check "and with the places looked at" grep -q "looked in /nowhere, /nowhere/cifar-10-batches-bin" err.log
check "before anything was made" test ! -e results

check "help explains a key" sh -c "'$program' help train.lr | grep -q 'base learning rate'"
check "help of a method ends with an example" sh -c "'$program' help thinet | grep -q 'example: { prune : { method = .thinet.'"
check "and says what it cannot follow" sh -c "'$program' help xnor | grep -q 'never after quantized weights'"
check "help shows a slot with its variants, once" sh -c "test \$('$program' help optimizer | grep -c '^adamw:') -eq 1"
check "methods lists them" sh -c "'$program' methods | grep -q filter-l1"
if command -v python3 >/dev/null; then
    check "methods is JSON on demand" sh -c "'$program' methods --json | python3 -m json.tool >/dev/null"
    check "plan is JSON on demand" sh -c "'$program' plan '$root/tests/e2e/small.cfg' --json | python3 -m json.tool >/dev/null"
else
    skip "JSON is well-formed" "no python3 to read it with"
fi
check "the version names revision and flags" sh -c "'$program' --version | grep -q '^flags '"
"$program" plan "$root/tests/e2e/small.cfg" >plan.log
check "plan counts trials and stages" grep -q "12 trials, 20 stages (30 if" plan.log
check "every sweep file shipped can be planned" sh -c "for f in '$root'/sweeps/*.cfg '$root'/sweeps/*/*.cfg; do '$program' plan \$f --json >/dev/null || exit 1; done"
finish
