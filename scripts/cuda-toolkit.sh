#!/bin/sh
# Installs what building for an NVIDIA GPU needs into a folder (1.3 GB, a minute), and prints the variables to build with:
#     eval "$(scripts/cuda-toolkit.sh /opt/cuda)"
#     cargo --config "$CUDA_CARGO_CONFIG" build --release --features cuda
# CUDA's compiler and libraries come from PyPI; no GPU, no driver and no root are needed. CUDA_COMPUTE_CAP names the
# oldest GPU that the program will run on: 80 (the default) is the A100's and RTX 30's generation, 90 the H100's.
set -eu
if [ $# != 1 ]; then
    sed -n '2,6s/^# \{0,1\}//p' "$0" >&2
    exit 2
fi
mkdir -p "$1"
folder=$(realpath "$1")
repository=$(realpath "$(dirname "$0")/..")

# CUDA 13.0: the program runs with drivers from 580 on.
wheels="nvidia-cuda-nvcc==13.0.88 nvidia-nvvm==13.0.88 nvidia-cuda-crt==13.0.88 nvidia-cuda-runtime==13.0.96
    nvidia-cuda-cccl==13.0.85 nvidia-cuda-nvrtc==13.0.88 nvidia-cublas==13.0.2.14 nvidia-curand==10.4.0.35"
home=$folder/wheels/nvidia/cu13
if ! [ -e "$folder/complete" ]; then
    "${PYTHON:-python3}" -m venv --clear "$folder/python" >&2
    # shellcheck disable=SC2086 # one word for each wheel
    "$folder/python/bin/pip" install --quiet --no-deps --upgrade --target "$folder/wheels" $wheels >&2

    # The wheels lack the names without a version, which linkers look for.
    for library in "$home"/lib/lib*.so.*; do
        ln -sf "$(basename "$library")" "${library%%.so.*}.so"
    done
    # A linker script in the place of CUDA's runtime takes the static one: so a machine needs no copy of it.
    mkdir -p "$folder/link"
    echo "INPUT($home/lib/libcudart_static.a)" > "$folder/link/libcudart.so"

    # candle has cudarc link the driver and the libraries, and a program that links them does not start without
    # them. cudarc can load them when they are needed instead: in this copy, its feature `dynamic-linking` means
    # `dynamic-loading`. Cargo's `paths` puts the copy in its place, and leaves Cargo.lock as it is.
    cudarc=$(cd "$repository" && cargo metadata --format-version 1 --locked --features cuda \
        | grep -o '"manifest_path":"[^"]*/cudarc-[^"/]*/Cargo.toml"' | cut -d '"' -f 4)
    rm -rf "$folder/cudarc"
    cp -r "$(dirname "$cudarc")" "$folder/cudarc"
    sed -i 's/^dynamic-linking = \[\]$/dynamic-linking = ["dynamic-loading"]/' "$folder/cudarc/Cargo.toml"
    sed -i 's/feature = "dynamic-linking"/feature = "static-linking"/' "$folder/cudarc/build.rs"
    grep -q '^dynamic-linking = \["dynamic-loading"\]$' "$folder/cudarc/Cargo.toml"
    echo "paths = [\"$folder/cudarc\"]" > "$folder/cargo.toml"
    touch "$folder/complete"
fi

echo "export CUDA_HOME='$home'"
echo "export CUDA_COMPUTE_CAP='${CUDA_COMPUTE_CAP:-80}'"
echo "export CUDA_CARGO_CONFIG='$folder/cargo.toml'"
echo "export PATH='$home/bin':\"\$PATH\""
echo "export LIBRARY_PATH='$folder/link'\"\${LIBRARY_PATH:+:\$LIBRARY_PATH}\""
# For programs that run here: cuBLAS and cuRAND.
echo "export LD_LIBRARY_PATH='$home/lib'\"\${LD_LIBRARY_PATH:+:\$LD_LIBRARY_PATH}\""
