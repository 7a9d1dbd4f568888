#!/bin/sh
# hpc/supervise.sh over commands that stand for mpirun: ended, refused, stuck, asked to leave; and over
# a real sweep that is killed twice, whose ranks once wait for one that never starts.
. "$(dirname "$0")/common"
cd "$work" || exit 2
supervise=$root/hpc/supervise.sh
mkdir -p out/s

sh "$supervise" out/s sh -c 'echo "failed = 0" >out/s/DONE' 2>log
check "a round that leaves DONE is the last" test $? -eq 0
sh "$supervise" out/s sh -c 'exit 1' 2>log
check "failed stages are told by the exit code" test $? -eq 1
rm out/s/DONE
sh "$supervise" out/s sh -c 'exit 2' 2>log
check "a set-up error is not repeated" test $? -eq 2
sh "$supervise" out/s sh -c 'echo x >>rounds' 2>log
check "three rounds without a stage are enough" test $? -eq 3 -a "$(wc -l <rounds)" -eq 3

sh "$supervise" out/s sh -c '[ ! -e twice ] || { echo "failed = 0" >out/s/DONE; exit 0; }; touch twice; exit 137' 2>log
check "a killed round is followed by another" test $? -eq 0
rm out/s/DONE
GRIDFRONT_SILENCE=1 sh "$supervise" -n 1 out/s sleep 100 2>log
check "a command whose run has gone silent is ended" grep -q "does not return" log

sh "$supervise" out/s sh -c 'trap "exit 75" USR1; touch up; while :; do sleep 0.1; done' 2>log &
pid=$!
for wait in $(seq 600); do [ ! -e up ] || break; sleep 0.05; done
kill -USR1 $pid
wait $pid
check "USR1 reaches the command, and no round follows" test $? -eq 75

# A real sweep: mpirun killed in the first round, a rank killed before MPI starts in the second.
export GRIDFRONT_SAMPLE="$root/sweeps/data/cifar10-sample.h5"
cfg=$root/tests/e2e/kill/sweep.cfg
cat >round.sh <<'END'
echo x >>real.rounds
run="$1 run $2 --results real/kill"
case $(wc -l <real.rounds) in
1) mpirun --oversubscribe --bind-to none -n 2 $run & pid=$!
   for wait in $(seq 600); do
       [ "$(find real/stages -name '*.h5' ! -name '*.part.h5' 2>/dev/null | wc -l)" -lt 2 ] || break
       sleep 0.1
   done
   kill -KILL $pid
   wait $pid ;;
2) export GRIDFRONT_PATIENCE=3
   exec mpirun --enable-recovery --oversubscribe --bind-to none -n 1 $run : -n 1 sh -c 'kill -KILL $$' ;;
*) exec mpirun --oversubscribe --bind-to none -n 2 $run ;;
esac
END
sh "$supervise" real/kill sh round.sh "$program" "$cfg" >real.log 2>&1
check "a real sweep ends in its third round" test $? -eq 0 -a "$(wc -l <real.rounds)" -eq 3
check "where a rank never started the others left by themselves" grep -q "a rank has died while MPI started" real.log
"$program" run "$cfg" --results calm/kill >calm.log 2>&1
digests() { (cd "$1/stages" && find . -name '*.h5' | LC_ALL=C sort | xargs sha256sum); }
digests real >real.sums
digests calm >calm.sums
check "with the artifacts of an undisturbed run" cmp -s real.sums calm.sums
for run in real calm; do
    "$program" report $run/kill --no-times --all --format json >$run.json
done
check "and its report" cmp -s real.json calm.json
check "no process is left" no_process_left
finish
