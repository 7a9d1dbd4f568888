#!/bin/sh
# How busy two workers are, and what leading costs beside them: a mixed sweep of 40 stages on the
# embedded images. Prints the run's own figures and the CPU share of rank 0, which leads and works
# (its executor is another process), while both train. Takes about a minute on an idle machine.
root=$(cd "$(dirname "$0")/../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 2
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 OMP_WAIT_POLICY=passive
cat >mixed.cfg <<'END'
name  = "mixed";
seeds = [1, 2];
data  : { dataset = "sample"; images = 1000; validation = 200; };
model : { arch = "resnet20"; width = { grid = [4, 8]; }; blocks = "1,1,1"; };
stages = (
    { train : { epochs = { grid = [4, 8]; }; batch = 50; augment = ( "crop", "flip" ); }; },
    { choose = (
        ( { prune : { method = "filter-l1"; amount = 0.3; }; }, { finetune : { epochs = 3; batch = 50; }; } ),
        ( { quantize : { method = "qat"; weight_bits = { grid = [8, 4]; }; activation_bits = 8; epochs = 2; batch = 50; }; } )
      ); }
);
objectives = ( { metric = "accuracy"; }, { metric = "bytes"; } );
resources : { threads = 1; latency = "none"; };
END
mpirun --oversubscribe --bind-to none -n 2 "$root/build/gridfront" run mixed.cfg --results out/mixed >run.log 2>&1 &
launcher=$!
while kill -0 $launcher 2>/dev/null; do
    for pid in $(pgrep -x gridfront -P $launcher); do
        tr '\0' '\n' <"/proc/$pid/environ" 2>/dev/null | grep -q '^OMPI_COMM_WORLD_RANK=0' || continue
        [ "$(find out/stages -name '*.h5' 2>/dev/null | wc -l)" -gt 0 ] || continue # they train
        read -r about <"/proc/$pid/stat" || continue
        read -r now rest </proc/uptime
        # shellcheck disable=SC2086 # split into fields 3, 4, ...
        set -- ${about##*) }
        echo "$((${12} + ${13})) $now" >>samples
    done
    sleep 1
done
grep "stages done" run.log || { tail -n 5 run.log; exit 1; }
# The last samples may be of the report at the end.
head -n -3 samples | awk -v t="$(getconf CLK_TCK)" 'NR == 1 { cpu = $1; begin = $2 } { c = ($1 - cpu) / t; s = $2 - begin }
    END { printf "rank 0: %.2f s of CPU in %.0f s: %.2f %%\n", c, s, 100 * c / s }'
uptime | sed 's/.*load/load/'
