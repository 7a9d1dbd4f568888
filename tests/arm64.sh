#!/bin/sh
# Builds everything for arm64 with Debian's cross compiler and runs the tests that need nothing but
# the CPU under qemu. The libraries are fetched as packages and unpacked below build/arm64, so that
# the machine's own stay as they are. JOBS and TESTS may be given.
set -e
cd "$(dirname "$0")/.."
jobs=${JOBS:-2}
root=$PWD/build/arm64/root
libraries=$root/usr/lib/aarch64-linux-gnu
blas=/usr/lib/aarch64-linux-gnu/openblas-pthread
tests=${TESTS:-unit/base unit/kernels_conv unit/kernels_bn unit/kernels_small unit/kernels_bf16
       unit/nn_graph unit/nn_run unit/nn_counts unit/data unit/sweep_plan conform/kernels}

skip() {
    echo "arm64: SKIP, $1. As root on Debian:"
    echo "    dpkg --add-architecture arm64 && apt-get update &&"
    echo "    apt-get install gcc-aarch64-linux-gnu qemu-user-static"
    exit 0
}
command -v aarch64-linux-gnu-gcc >/dev/null || skip "no cross compiler"
command -v qemu-aarch64-static >/dev/null || skip "no qemu"
dpkg --print-foreign-architectures | grep -qx arm64 || skip "packages of arm64 are not listed"

# Packages with all that they need, as if nothing were installed.
fetch() {
    mkdir -p build/arm64/packages/partial "$root"
    apt-get install -q -y --download-only --no-install-recommends \
        -o Dir::State::status=/dev/null -o Dir::Cache::archives="$PWD/build/arm64/packages" \
        libc6-dev:arm64 libgomp1:arm64 libopenmpi-dev:arm64 libhdf5-dev:arm64 \
        libconfig-dev:arm64 libopenblas-pthread-dev:arm64 libcunit1-dev:arm64 libxxhash-dev:arm64 \
        libjansson-dev:arm64 zlib1g-dev:arm64 >build/arm64/fetch.log 2>&1
    for package in build/arm64/packages/*_arm64.deb build/arm64/packages/*_all.deb; do
        dpkg -x "$package" "$root"
    done
    touch build/arm64/fetched
}
[ -e build/arm64/fetched ] || { echo "arm64: fetching libraries"; fetch; }

export PKG_CONFIG_SYSROOT_DIR="$root"
export PKG_CONFIG_LIBDIR="$libraries/pkgconfig:$libraries/openblas-pthread/pkgconfig:$root/usr/share/pkgconfig"
export CC="aarch64-linux-gnu-gcc --sysroot=$root" OBJCOPY=aarch64-linux-gnu-objcopy
export LDFLAGS="-Wl,-rpath-link,$libraries:$libraries/openblas-pthread:$libraries/openmpi/lib:$root/lib/aarch64-linux-gnu -Wl,--allow-shlib-undefined"
# shellcheck disable=SC2086
make --no-print-directory -j"$jobs" TREE=arm64 all $(printf 'build/arm64/tests/%s ' $tests)

export QEMU_LD_PREFIX="$root" QEMU_SET_ENV="LD_LIBRARY_PATH=$blas" OMP_WAIT_POLICY=passive
failed=
for test in $tests; do
    printf '%-24s ' "$test"
    qemu-aarch64-static "build/arm64/tests/$test" >build/arm64/test.log 2>&1 || failed=1
    tail -1 build/arm64/test.log
    [ -z "$failed" ] || { cat build/arm64/test.log; exit 1; }
done
qemu-aarch64-static build/arm64/gridfront version
