#!/bin/sh
# Installs what building and testing need and this machine lacks.
#   install.sh            Debian and Ubuntu: apt-get, with sudo unless root; elsewhere: explains
#   install.sh --check    only says what is missing; exit code 1 if anything is
#   install.sh --tests    what only tests use as well (h5py, clang-format)
set -e

packages='openmpi-bin libopenmpi-dev libhdf5-dev libconfig-dev libopenblas-pthread-dev libcunit1-dev
          libxxhash-dev libjansson-dev zlib1g-dev pkg-config gcc make'
check_only=
for_tests=
for argument in "$@"; do
    case $argument in
    --check) check_only=1 ;;
    --tests) for_tests='python3-h5py python3-numpy clang-format' ;;
    *) echo "install.sh: unknown argument $argument" >&2; exit 2 ;;
    esac
done

have_all_libraries() {
    command -v mpicc >/dev/null && command -v mpirun >/dev/null && command -v pkg-config >/dev/null &&
        { pkg-config --exists hdf5 || pkg-config --exists hdf5-serial; } &&
        pkg-config --exists libconfig openblas libxxhash jansson zlib &&
        echo '#include <CUnit/CUnit.h>' | ${CC:-gcc} -fsyntax-only -x c - 2>/dev/null
}

# Libraries from elsewhere (modules, spack, another build of OpenBLAS) are as good as packages.
if have_all_libraries; then
    packages=
fi
if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
    [ -n "$packages" ] || exit 0
    cat >&2 <<'END'
Gridfront needs: a C compiler, Open MPI, HDF5 (serial is enough), libconfig, OpenBLAS (pthreads
build), CUnit, xxHash, Jansson, zlib, pkg-config.
This is not a Debian or Ubuntu machine, so nothing was installed. On a cluster:
  module avail 2>&1 | grep -iE 'openmpi|hdf5|openblas'     then: module load ...
  spack install openmpi hdf5~mpi libconfig openblas threads=pthreads cunit xxhash jansson
and make sure that PKG_CONFIG_PATH names the lib/pkgconfig folder of each.
END
    exit 1
fi

missing=
for package in $packages $for_tests; do
    state=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)
    [ "$state" = installed ] || missing="$missing $package"
done
[ -n "$missing" ] || exit 0
if [ -n "$check_only" ]; then
    echo "missing:$missing"
    exit 1
fi

as_root=
if [ "$(id -u)" -ne 0 ]; then
    if ! command -v sudo >/dev/null; then
        echo "install.sh: not root and no sudo; ask an administrator to install:$missing" >&2
        exit 1
    fi
    as_root=sudo
fi
echo "Installing with apt-get${as_root:+ (through sudo)}:$missing"
$as_root apt-get update -q
# shellcheck disable=SC2086 # a list of words
$as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends $missing
