#!/bin/sh
# Builds the program for NVIDIA GPUs on a machine that has none, and checks all of it that needs none:
#     scripts/check_cuda_build.sh [FOLDER]      # default: /tmp/dolmetsch-cuda; takes 3 GB, and half an hour of two cores
# The toolkit stays in FOLDER/toolkit; what cargo builds, in FOLDER/target, is removed. KEEP=1 keeps it, for the next run.
set -eu
cd "$(dirname "$0")/.."
folder=${1:-/tmp/dolmetsch-cuda}
mkdir -p "$folder"
folder=$(realpath "$folder")
variables=$(scripts/cuda-toolkit.sh "$folder/toolkit")
eval "$variables"
libraries=$LD_LIBRARY_PATH
unset LD_LIBRARY_PATH
export CARGO_TARGET_DIR="$folder/target"
cleanup() { [ -n "${KEEP:-}" ] || rm -rf "$CARGO_TARGET_DIR"; }
trap cleanup EXIT

fail() {
    echo "FAILED: $*"
    exit 1
}

cargo --config "$CUDA_CARGO_CONFIG" build --locked --release --no-default-features --features cuda
program="$folder/dolmetsch"
strip -o "$program" "$CARGO_TARGET_DIR/release/dolmetsch"
size=$(wc -c < "$program")
echo "compiled and linked with --no-default-features --features cuda; stripped: $size bytes"
[ "$size" -le 40000000 ] || fail "more than 40 MB"

needed=$(readelf --dynamic "$program" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p' | tr '\n' ' ')
echo "libraries that it does not start without: $needed"
case $needed in *libcu* | *libnv*) fail "CUDA's libraries are among them" ;; esac
"$program" --version

model=tests/fixtures/stand-in
# run FOLDERS OPTION…: translates with libraries from these folders; leaves exit code, stdout and stderr.
run() {
    path=$1
    shift
    code=0
    echo 'Guten Morgen!' | LD_LIBRARY_PATH="$path" "$program" translate --model "$model" --to en --lines "$@" \
        > "$folder/stdout" 2> "$folder/stderr" || code=$?
}
# expect NAME CODE WORDS: the exit code, and what stderr says.
expect() {
    [ "$code" = "$2" ] || fail "$1: exit code $code, not $2: $(cat "$folder/stderr")"
    grep -q -- "$3" "$folder/stderr" || fail "$1: $(cat "$folder/stderr")"
    echo "$1: exit code $code, $(tail -n 1 "$folder/stderr")"
}

run "" --device cpu --quiet
[ "$code" = 0 ] && [ ! -s "$folder/stderr" ] || fail "--device cpu: $(cat "$folder/stderr")"
cp "$folder/stdout" "$folder/expected"
echo "--device cpu: exit code 0"

if [ -e /proc/driver/nvidia/version ]; then
    echo "skipped: what happens without a driver, since this machine has one"
else
    run "" --device cuda
    expect "no driver, --device cuda" 1 libcuda.so.1
    run ""
    expect "no driver, --device auto" 0 "note: computing on the processor: .*libcuda.so.1"
    [ "$(grep -c processor "$folder/stderr")" = 1 ] || fail "more than one line"
    cmp "$folder/stdout" "$folder/expected"

    # A driver that finds no GPU.
    mkdir -p "$folder/driver"
    cat > "$folder/driver.c" << 'C'
int cuInit(unsigned flags) { return 100; /* CUDA_ERROR_NO_DEVICE */ }
int cuGetErrorString(int error, const char **text) { *text = "no CUDA-capable device is detected"; return 0; }
C
    cc -shared -fPIC -o "$folder/driver/libcuda.so.1" "$folder/driver.c"
    run "$folder/driver" --device cuda
    expect "only the driver, --device cuda" 1 libcublas.so.13
    run "$folder/driver:$libraries" --device cuda
    expect "no GPU, --device cuda" 1 "no CUDA-capable device"
    run "$folder/driver:$libraries"
    expect "no GPU, --device auto" 0 "note: computing on the processor: .*no CUDA-capable device"
    cmp "$folder/stdout" "$folder/expected"
fi

# The suite, on a GPU where there is one, else its part for processors; and what is compiled for CUDA only.
# (Clippy is a command of its own, which does not pass on what stands before its name.)
cargo clippy --config "$CUDA_CARGO_CONFIG" --locked --release --features cuda --lib --bins --test gpu -- -D warnings
LD_LIBRARY_PATH=$libraries cargo --config "$CUDA_CARGO_CONFIG" test --locked --release --features cuda --lib --test gpu
echo "all checks passed"
