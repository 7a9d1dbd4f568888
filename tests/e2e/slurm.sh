#!/bin/sh
# A sweep on a real one-node Slurm, in allocations of a minute, each too short for it: the job saves
# itself, goes back into the queue, and ends with the bits of an undisturbed run. Ten minutes, most
# of them spent waiting for Slurm, so only with GRIDFRONT_SLOW=1, as root, beside ../shared/slurm.
. "$(dirname "$0")/common"
cd "$work" || exit 2
slurm=$root/../shared/slurm/slurm
if [ -z "$GRIDFRONT_SLOW" ] || [ "$(id -u)" -ne 0 ] || [ ! -x "$slurm" ]; then
    skip "a sweep in allocations of a minute" "needs GRIDFRONT_SLOW=1, root and ../shared/slurm"
    finish
    exit
fi
export GRIDFRONT_SAMPLE="$root/sweeps/data/cifar10-sample.h5" GRIDFRONT="$program"
export OMPI_MCA_plm=isolated OMPI_MCA_ras=^slurm OMPI_MCA_rmaps_base_oversubscribe=1
cfg=$root/tests/e2e/small.cfg

# So many epochs that it takes about 80 s: of each allocation, 20 s are left for work.
began=$(date +%s%3N)
ranks 2 "$program" run "$cfg" --results trial/small --set train.epochs=40 --set finetune.epochs=30 >trial.log 2>&1
took=$(($(date +%s%3N) - began))
times=$(((80000 + took - 1) / took))
more="--set train.epochs=$((40 * times)) --set finetune.epochs=$((30 * times))"

pgrep -x munged >/dev/null || rm -f /run/munge/munge.socket.2*
eval "$("$slurm" up "$work/slurm" | tail -n 1)"
trap '"$slurm" down "$work/slurm"; rm -rf "$work"' EXIT
# shellcheck disable=SC2086 # two settings
sbatch --time=1 --signal=B:USR1@40 --nodes=1 --ntasks-per-node=2 --cpus-per-task=1 \
    "$root/hpc/slurm.sbatch" queued/small "$cfg" $more >submitted.log
check "the job is taken" test $? -eq 0
for wait in $(seq 300); do
    [ -e queued/small/DONE ] && break
    sleep 5
done
check "it ends by itself" test -e queued/small/DONE
times=$(cat gridfront-*.log | grep -c "back into the queue")
check "after three allocations at least (it went back $times times)" test "$times" -ge 2

# shellcheck disable=SC2086
ranks 2 "$program" run "$cfg" --results calm/small $more >calm.log 2>&1
digests() { (cd "$1/stages" && find . -name '*.h5' | LC_ALL=C sort | xargs sha256sum); }
digests calm >calm.sums
digests queued >queued.sums
check "with the artifacts of an undisturbed run" cmp -s calm.sums queued.sums
for run in calm queued; do
    "$program" report $run/small --no-times --all --format json >$run.json
done
check "and its report" cmp -s calm.json queued.json
finish
