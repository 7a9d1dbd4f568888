#!/bin/sh
# make data: a small archive through the same code. It is downloaded, resumed, checked, unpacked; a
# wrong one is refused.
cd "$(dirname "$0")/../.." || exit 2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
passed=0
failed=0
check() { # check SENTENCE COMMAND...
    sentence=$1
    shift
    if "$@"; then passed=$((passed + 1)); else failed=$((failed + 1)); echo "FAIL data: $sentence"; fi
}
if ! command -v curl >/dev/null; then
    echo "SKIP data: file:// addresses need curl"
    echo "0 passed, 0 failed, 1 skipped"
    exit 0
fi

mkdir -p "$work/source/cifar-10-batches-bin"
for file in data_batch_1 data_batch_2 data_batch_3 data_batch_4 data_batch_5 test_batch; do
    head -c 20000 /dev/urandom >"$work/source/cifar-10-batches-bin/$file.bin"
done
tar -czf "$work/small.tar.gz" -C "$work/source" cifar-10-batches-bin
export XDG_CACHE_HOME="$work/cache" GRIDFRONT_DATA_URL="file://$work/small.tar.gz"
export GRIDFRONT_DATA_SIZE="$(wc -c <"$work/small.tar.gz" | tr -d ' ')"
export GRIDFRONT_DATA_MD5="$(md5sum "$work/small.tar.gz" | cut -d ' ' -f 1)"
right=$(sha256sum "$work/small.tar.gz" | cut -d ' ' -f 1)

GRIDFRONT_DATA_SHA256=0123 sh hpc/data.sh >"$work/log" 2>&1
check "an archive with another digest is refused" test $? -ne 0
check "and named" grep -q "its SHA-256 is $right" "$work/log"
check "and nothing is unpacked" test ! -e "$work/cache/cifar-10-batches-bin"

export GRIDFRONT_DATA_SHA256=$right
mkdir -p "$work/cache"
head -c 50000 /dev/zero >"$work/cache/cifar-10-binary.tar.gz" # the beginning of something else
sh hpc/data.sh >"$work/log" 2>&1
check "what was there is gone on with, not fetched again" grep -q "its SHA-256 is" "$work/log"
check "and a wrong archive is not kept" test ! -e "$work/cache/cifar-10-binary.tar.gz"

head -c 50000 "$work/small.tar.gz" >"$work/cache/cifar-10-binary.tar.gz" # an interrupted download
sh hpc/data.sh >"$work/log" 2>&1
check "a half download goes on and is unpacked" \
    cmp -s "$work/source/cifar-10-batches-bin/test_batch.bin" "$work/cache/cifar-10-batches-bin/test_batch.bin"
sh hpc/data.sh >"$work/log" 2>&1
check "what is there is not fetched again" grep -q "already in" "$work/log"

echo "$passed passed, $failed failed, 0 skipped"
[ $failed -eq 0 ]
