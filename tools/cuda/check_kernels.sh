#!/usr/bin/env bash
# Compiles the CUDA kernels of degu-kernels with nvcc and with NVRTC, without a GPU, and prints registers, stacks and spills of each.
#
#   tools/cuda/check_kernels.sh [TOOLKIT] [ARCHITECTURE ...]     TOOLKIT: folder of fetch_toolkit.sh, default target-cuda/toolkit;
#                                                                architectures: default sm_80 sm_90
#
# Ends with 1 if a kernel does not compile. NVRTC is what compiles the same text at run time; its wheel is pinned like those of the toolkit.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
cd "$here/../.."
mkdir -p "${1:-${CUDA_TARGET_DIR:-target-cuda}/toolkit}"
toolkit=$(cd "${1:-${CUDA_TARGET_DIR:-target-cuda}/toolkit}" && pwd)
architectures=("${@:2}")
[ ${#architectures[@]} -gt 0 ] || architectures=(sm_80 sm_90)
nvcc=$toolkit/nvidia/cu13/bin/nvcc
[ -x "$nvcc" ] || "$here/fetch_toolkit.sh" "$toolkit" > /dev/null

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cargo run --quiet --locked -p degu-kernels --example cuda_source > "$work/kernels.cu"
for architecture in "${architectures[@]}"; do
  echo "== $architecture"
  "$nvcc" -cubin -arch="$architecture" -Werror all-warnings -Xptxas -v -o "$work/kernels.cubin" "$work/kernels.cu" 2> "$work/log" || {
    cat "$work/log"
    exit 1
  }
  python3 - "$work/log" <<'P'
import re, sys

name = stack = spill = None
for line in open(sys.argv[1]):
    if found := re.search(r"entry function '(\w+)'", line):
        name = found[1]
    elif found := re.search(r"(\d+) bytes stack frame, (\d+) bytes spill stores", line):
        stack, spill = found.groups()
    elif (found := re.search(r"Used (\d+) registers", line)) and name:
        shared = re.search(r"(\d+) bytes smem", line)
        print(f"{name:20} {found[1]:>3} registers {shared[1] if shared else 0:>6} bytes shared {stack:>4} stack {spill:>4} spilled")
P
done

nvrtc=$toolkit/nvrtc/nvidia/cu13/lib
[ -e "$nvrtc/libnvrtc.so.13" ] ||
  python3 -m pip install -q --no-deps --only-binary=:all: --no-compile --target "$toolkit/nvrtc" nvidia-cuda-nvrtc==13.0.88
LD_LIBRARY_PATH=$nvrtc${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH} \
  python3 "$here/nvrtc.py" libnvrtc.so.13 "$work/kernels.cu" "${architectures[@]}"
