#!/bin/sh
# A sweep over a list of hosts, without a batch system.
#
#   hpc/mpirun.sh HOSTFILE SWEEP.cfg [arguments of gridfront run]
#
# HOSTFILE: a line per node, "node1 slots=8"; ssh must reach them without a password, and the
# repository (or the installed program) and the results folder must be at the same path on all.
# Give a node as many slots as you want workers on it: its cores are shared out among them.
set -e
[ $# -ge 2 ] || { sed -n '2,9s/^# \{0,1\}//p' "$0"; exit 2; }
hosts=$1
sweep=$2
shift 2
program=${GRIDFRONT:-$(dirname "$0")/../build/gridfront}

exec mpirun --hostfile "$hosts" --map-by slot --bind-to none --enable-recovery \
    "$program" run "$sweep" "$@"
