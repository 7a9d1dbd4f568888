#!/bin/sh
# The demo: a small sweep on real images with two workers, from file to front. Extra arguments go
# to 'gridfront run'.
set -e
cd "$(dirname "$0")/.."
if [ "$(id -u)" -eq 0 ]; then # containers; Open MPI wants to be told twice
    export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
fi
echo "\$ build/gridfront plan sweeps/demo.cfg"
build/gridfront plan sweeps/demo.cfg
echo
echo "\$ mpirun --bind-to none --oversubscribe -n 2 build/gridfront run sweeps/demo.cfg"
exec mpirun --bind-to none --oversubscribe -n 2 build/gridfront run sweeps/demo.cfg "$@"
