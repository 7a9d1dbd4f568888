#!/bin/sh
# A results folder that is full, over quota, read-only, gone for a while, or used by two runs at once:
# the run ends with words and code 3 (2 where it never began), and once the cause is gone the same
# command ends the sweep with the bits of an undisturbed run. Mounts need root, or user namespaces.
if [ "$(id -u)" -ne 0 ] && [ -z "$DISK_APART" ] && unshare -rm true 2>/dev/null; then
    DISK_APART=1 exec unshare -rm sh "$0" "$@"
fi
. "$(dirname "$0")/common"
cd "$work" || exit 2
export GRIDFRONT_SAMPLE="$root/sweeps/data/cifar10-sample.h5" OMP_NUM_THREADS=1
cat >disk.cfg <<'END'
name = "disk";
data  : { dataset = "sample"; images = 200; validation = 100; };
model : { arch = "resnet20"; width = 4; blocks = "1,1"; };
stages = ( { train : { epochs = { grid = [2, 3]; }; batch = 50; }; },
           { prune : { method = "magnitude"; amount = { grid = [0.3, 0.6]; }; }; } );
objectives = ( { metric = "accuracy"; }, { metric = "bytes"; } );
resources : { latency = "none"; };
END
run() { # run DIR WORD...
    dir=$1
    shift
    timeout 600 "$@" "$program" run disk.cfg --results "$dir/disk" >run.log 2>&1
}
digests() { (cd "$1/stages" && find . -name '*.h5' ! -name '*.part.h5' | LC_ALL=C sort | xargs sha256sum); }
is_calm() { # is_calm DIR: done, with the bits of the undisturbed run, and nothing left over
    [ -e "$1/disk/DONE" ] && digests "$1" | cmp -s calm.sums - &&
        "$program" report "$1/disk" --no-times --all --format json | cmp -s calm.json - &&
        "$program" verify "$1/disk" >verify.log 2>&1 &&
        [ -z "$(find "$1" -name '*.tmp' -o -name '*.part.h5')" ]
}
meanwhile() { # meanwhile DIR DEED WORD...: a run, in which the first artifact is about to be renamed
    dir=$1 deed=$2
    shift 2
    truncate -s 0 count && truncate -s 8 count && chmod 666 count
    run "$dir" "$@" env STRIKE_COUNT="$work/count" STRIKE_ROOT="$work/$dir" STRIKE_ONLY=/stages/ \
        STRIKE_AT="$renaming" STRIKE_DO="unset LD_PRELOAD; $deed" LD_PRELOAD="$work/strike.so"
}

build_strike
truncate -s 8 count
run calm env STRIKE_COUNT="$work/count" STRIKE_ROOT="$work/calm" STRIKE_ONLY=/stages/ \
    STRIKE_LOG="$work/steps.log" LD_PRELOAD="$work/strike.so"
check "the undisturbed run is done" test $? -eq 0
renaming=$(grep ' rename .*/[0-9a-f]*\.h5 ' steps.log | sed -n '1s/ .*//p')
digests calm >calm.sums
"$program" report calm/disk --no-times --all --format json >calm.json
need=$(du -sk --apparent-size calm | cut -f 1)

# ---- full ----
mkdir full
if mount -t tmpfs -o size=64k tmpfs full 2>mount.log; then
    trap 'umount "$work/full" 2>/dev/null; rm -rf "$work"' EXIT
    ended=0 told=0 whole=0
    for share in 20 45 70 90; do
        mount -o remount,size=$((need * share / 100))k full
        run full
        code=$?
        [ $code -eq 3 ] || [ $code -eq 2 ] && ended=$((ended + 1))
        grep -qi "no space left" run.log && told=$((told + 1))
        [ ! -e full/disk/sweep.h5 ] || "$program" verify full/disk >verify.log 2>&1 && whole=$((whole + 1))
    done
    check "a full disk ends the run with 3, or with 2 before it begins" test $ended -eq 4
    check "and is told" test $told -eq 4
    check "all that was finished on it is whole" test $whole -eq 4
    mount -o remount,size=16m full
    run full
    check "with space again the sweep ends as if there always had been" is_calm full
    umount full
else
    skip "a full disk" "no tmpfs can be mounted: $(head -n 1 mount.log)"
fi

# ---- quota: of a file, by the shell; of a user, where tmpfs counts ----
run quota sh -c 'ulimit -f $0; exec "$@"' 20
check "a limit on the size of files ends the run with 3 or 2" test $? -eq 2 -o $? -eq 3
run quota
check "and without it the sweep ends the same" is_calm quota
mkdir counted
if [ "$(id -u)" -eq 0 ] && [ -z "$DISK_APART" ] && command -v setpriv >/dev/null &&
    mount -t tmpfs -o usrquota,usrquota_block_hardlimit=$((need * 6 / 10))k tmpfs counted 2>mount.log; then
    chmod 755 "$work"
    chmod 777 counted
    run counted setpriv --reuid=65534 --regid=65534 --clear-groups
    check "a user over quota ends with 3 or 2" test $? -eq 2 -o $? -eq 3
    check "with words" grep -qi "quota exceeded" run.log
    run counted # root is not counted
    check "and whoever has room ends the sweep the same" is_calm counted
    umount counted
else
    skip "the quota of a user" "needs root and a tmpfs with quotas: $(head -n 1 mount.log)"
fi

# ---- gone for a while ----
meanwhile away "mv away hidden"
code=$?
check "a folder that is gone ends the run ($code)" test $code -eq 3
check "nothing was made in its place" test ! -e away/disk/sweep.h5
rm -rf away
mv hidden away
run away
check "once it is back the sweep ends the same" is_calm away

# ---- read-only, for a user who is not above that ----
if [ "$(id -u)" -eq 0 ] && [ -z "$DISK_APART" ] && command -v setpriv >/dev/null; then
    chmod 755 "$work"
    mkdir locked
    chown 65534 locked
    meanwhile locked "chmod -R a-w locked" setpriv --reuid=65534 --regid=65534 --clear-groups
    code=$?
    check "a folder that has become read-only ends the run ($code)" test $code -eq 3
    check "with words" grep -qi "permission denied" run.log
    run locked setpriv --reuid=65534 --regid=65534 --clear-groups
    check "which does not begin again" test $? -eq 2
    chmod -R u+w locked
    run locked setpriv --reuid=65534 --regid=65534 --clear-groups
    check "until it may be written to, and ends the same" is_calm locked
else
    skip "a read-only folder" "needs root and setpriv, to become a user for whom it is"
fi

# ---- two runs at once ----
pids=
for rival in 1 2 3; do
    timeout 600 "$program" run disk.cfg --results shared/disk >"rival$rival.log" 2>&1 &
    pids="$pids $!"
done
sum=0
for pid in $pids; do
    wait "$pid"
    code=$?
    [ $code -eq 0 ] || [ $code -eq 2 ] && sum=$((sum + 1))
done
check "of three runs at once each is done or refuses" test $sum -eq 3
check "who refuses names the other" sh -c \
    '[ "$(grep -l "is running this sweep\|everything was done already" rival*.log | wc -l)" -eq 2 ]'
check "and the sweep ends the same" is_calm shared
check "no process is left" no_process_left
finish
