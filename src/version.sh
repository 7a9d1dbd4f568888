#!/bin/sh
# Prints version.h: what a result may depend on besides its sweep. Arguments: compiler, flags,
# pkg-config names of the libraries.
revision=$(git describe --always --dirty 2>/dev/null || echo unknown)
compiler=$($1 --version | head -n 1)
libraries=
for name in $3; do
    libraries="$libraries$name $(pkg-config --modversion "$name" 2>/dev/null), "
done
mpi=$(pkg-config --modversion ompi-c 2>/dev/null || pkg-config --modversion ompi 2>/dev/null)
cat <<END
#define GF_VERSION_REVISION "$revision"
#define GF_VERSION_COMPILER "$compiler"
#define GF_VERSION_FLAGS "$2"
#define GF_VERSION_LIBRARIES "${libraries}Open MPI $mpi"
END
