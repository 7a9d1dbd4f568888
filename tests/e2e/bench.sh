#!/bin/sh
# gridfront bench: what it prints, and what it refuses. Its times decide nothing.
. "$(dirname "$0")/common"
cd "$work" || exit 2
export GRIDFRONT_SAMPLE="$root/sweeps/data/cifar10-sample.h5" OMP_NUM_THREADS=1

refused() { # refused SENTENCE WORDS ARGUMENTS...
    sentence=$1
    words=$2
    shift 2
    "$program" bench "$@" >out.log 2>err.log
    check "$sentence: exit code 2" test $? -eq 2
    check "$sentence: says so" grep -qF -- "$words" err.log
    check "$sentence: prints nothing else" test ! -s out.log
}
refused "an unknown benchmark" "'speed' is none of train, infer, kernels, data, farm" speed
refused "no steps" "--steps = 0 is outside [1, 100000]" train --steps 0
refused "half a number" "--batch = 12x is outside [2, 4096]" infer --batch 12x
refused "a batch of one" "--batch = 1 is outside [2, 4096]" data --batch 1
refused "too wide" "--width = 2000 is outside [1, 1024]" kernels --width 2000
refused "too many threads" "--threads = 9999 is outside [1, 1024]" train --threads 9999
refused "an unknown network" "resnet99" train --arch resnet99
refused "unknown numerics" "--numerics = f16 is none of f32|bf16" train --numerics f16
refused "a flag of another benchmark" "bench kernels takes no --arch" kernels --arch resnet18

holds() { # holds FILE PYTHON: the JSON in FILE, as j, makes the expression true
    python3 -c 'import json, sys; j = json.load(open(sys.argv[1])); sys.exit(not eval(sys.argv[2]))' "$@"
}
quick="--width 4 --batch 8 --threads 1 --steps 3"
"$program" bench train $quick >train.txt
check "train prints images per second" grep -q "^train resnet18 width 4, batch 8, 1 thread, .*images/s (median of 3)" train.txt
for part in "load, crop, flip" forward loss backward optimizer; do
    check "train divides the step: $part" grep -q "^  $part  *[0-9.]*  *[0-9.]*$" train.txt
done
"$program" bench train $quick --numerics bf16 >bf16.txt
check "train computes in bf16 on demand" grep -q "bf16 \(native\|emulated\)" bf16.txt
"$program" bench infer $quick >infer.txt
check "infer says that BN is folded" grep -q "normalization is folded" infer.txt
"$program" bench data --batch 8 --threads 1 --steps 3 >data.txt
check "data names each augmentation" sh -c "grep -q '^  crop ' data.txt && grep -q '^  cutout ' data.txt"
"$program" bench kernels --width 4 --batch 2 --threads 1 >kernels.txt
check "kernels has a line a layer and pass" test "$(grep -c -- '->.* \(memory\|arithmetic\) ' kernels.txt)" -eq 43

if command -v python3 >/dev/null; then
    "$program" bench train $quick --json >train.json
    check "train's parts add up to its step" holds train.json \
        'abs(sum(j["part_seconds"].values()) - j["step_seconds"]) < 1e-9'
    check "its images per second are of that step" holds train.json \
        'abs(j["images_per_second"] * j["step_seconds"] - 8) < 1e-6'
    check "train's facts are all there" holds train.json \
        '{"arch", "width", "threads", "kernels", "numerics", "gflops", "machine_gflops", "share_of_machine", "peak_memory"} <= set(j)'
    "$program" bench infer $quick --json >infer.json
    check "infer's too" holds infer.json 'j["bn_folded"] and j["batch"] == 8 and j["peak_memory"] > 1e6'
    "$program" bench data --batch 8 --threads 1 --steps 3 --json >data.json
    check "data's shares are of the step" holds data.json \
        'all(abs(b["share_of_step"] * j["step_seconds"] - b["seconds"]) < 1e-9 for b in j["batches"])'
    "$program" bench kernels --width 4 --batch 2 --threads 1 --json >kernels.json
    check "kernels' bounds are the roofline's" holds kernels.json \
        'all(abs(p["bound_gflops"] - min(j["machine_gflops"], p["flop_per_byte"] * j["bytes_per_second"] / 1e9)) < 1e-6 for p in j["passes"])'
else
    skip "JSON holds the same facts" "no python3 to read it with"
fi
finish
