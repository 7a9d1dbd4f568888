#!/bin/sh
# The example of every method, as `gridfront help METHOD` prints it: all of them run, as one sweep, on a
# few images. The network that they find was trained for an epoch where they do not train it themselves.
. "$(dirname "$0")/common"
cd "$work" || exit 2
export GRIDFRONT_SAMPLE="$root/sweeps/data/cifar10-sample.h5"

example() { # example NAME: what stands behind "example: ", to the end of its last line
    "$program" help "$1" | awk '/^  example: / { on = 1; sub(/^  example: /, "") } /^[^ ]/ && on && !/^{/ { exit } on'
}

cat >examples.cfg <<'END'
name  = "examples";
data  : { dataset = "sample"; images = 200; validation = 50; };
model : { arch = "resnet18"; blocks = "1,1,1,1"; width = 4; };
teachers : { deep : { model : { arch = "resnet18"; blocks = "2,2,2,2"; width = 4; };
                      stages = ( { train : { epochs = 1; }; } ); }; };
objectives = ( { metric = "accuracy"; } );
stages = ( { choose = (
END
"$program" methods | awk '/^[a-z]/ { print $2 }' >names
count=0
while read -r name; do
    example "$name" >example
    test -s example || continue
    test $count -gt 0 && echo "," >>examples.cfg
    echo "(" >>examples.cfg
    grep -qE '^\{ (id|pretext)' example || echo "{ train : { epochs = 1; }; }," >>examples.cfg
    cat example >>examples.cfg
    echo ")" >>examples.cfg
    count=$((count + 1))
done <names
echo "); } );" >>examples.cfg

check "every method has one" test $count -eq "$("$program" methods | grep -cE '^(prune|quantize|sparsify|pretext|share|distill|transfer|rewind|factorize) ')"
check "they are a sweep" "$program" plan examples.cfg --json >plan.json
"$program" run examples.cfg --results done >out.log 2>err.log
check "which runs to its end" test $? -eq 0
"$program" report done >front.txt
check "and gives every point a result" sh -c "grep -q 'front of .* out of' front.txt && ! grep -q 'not finished' front.txt"
finish
