#!/bin/bash
# A sweep under PBS: qsub -v SWEEP=sweeps/my.cfg hpc/pbs.sh
# Edit the three marked places. Shortly before the time limit running stages are saved and the job
# submits itself again until the sweep is done.
#PBS -N gridfront
#PBS -l select=2:ncpus=32:mpiprocs=8
# 1. above: nodes, cores of each, workers on each
#PBS -l walltime=04:00:00
# 2. above: time limit of one allocation; 3. the same in seconds, less two minutes:
seconds=$((4 * 3600 - 120))
#PBS -j oe

cd "${PBS_O_WORKDIR:-.}" || exit 2
program=${GRIDFRONT:-build/gridfront}
[ -n "$SWEEP" ] || { echo "usage: qsub -v SWEEP=FILE.cfg hpc/pbs.sh" >&2; exit 2; }

mpirun --hostfile "$PBS_NODEFILE" --bind-to none --enable-recovery -x OMP_WAIT_POLICY=passive \
    "$program" run "$SWEEP" &
mpirun_pid=$!
(sleep $seconds; kill -USR1 $mpirun_pid) 2>/dev/null &
timer=$!
wait $mpirun_pid
code=$?
kill $timer 2>/dev/null

if [ $code -eq 75 ]; then
    echo "gridfront: saved; submitted again"
    qsub -v SWEEP="$SWEEP" "$0"
fi
exit $code
