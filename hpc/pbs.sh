#!/bin/bash
# A sweep under PBS: qsub -v RESULTS=results/my,SWEEP=sweeps/my.cfg hpc/pbs.sh
# Edit the three marked places. Shortly before the time limit running stages are saved, and the job
# submits itself again until RESULTS/DONE is there.
#PBS -N gridfront
#PBS -l select=2:ncpus=32:mpiprocs=8
# 1. above: nodes, cores of each, workers on each
#PBS -l walltime=04:00:00
# 2. above: time limit of one allocation; 3. the same in seconds, less two minutes:
seconds=$((4 * 3600 - 120))
#PBS -j oe

cd "${PBS_O_WORKDIR:-.}" || exit 2
program=${GRIDFRONT:-build/gridfront}
if [ -z "$SWEEP" ] || [ -z "$RESULTS" ]; then
    echo "usage: qsub -v RESULTS=results/my,SWEEP=sweeps/my.cfg hpc/pbs.sh" >&2
    exit 2
fi
finished() { "$program" status "$RESULTS" --json 2>/dev/null | sed -n 's/.*"done": \([0-9]*\).*/\1/p'; }

before=$(finished)
mpirun --hostfile "$PBS_NODEFILE" --bind-to none --enable-recovery \
    "$program" run "$SWEEP" --results "$RESULTS" &
mpirun_pid=$!
(sleep $seconds; while kill -USR1 $mpirun_pid; do sleep 3; done) 2>/dev/null &
timer=$!
wait $mpirun_pid
kill $timer 2>/dev/null

[ -e "$RESULTS/DONE" ] && exit 0
if [ "$(finished)" != "$before" ] || [ $SECONDS -ge $seconds ]; then
    echo "gridfront: not done yet; submitted again"
    qsub -v RESULTS="$RESULTS",SWEEP="$SWEEP" "$0"
    exit 75
fi
echo "gridfront: not done, and nothing was finished in this allocation; see above" >&2
exit 1
