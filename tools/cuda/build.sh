#!/usr/bin/env bash
# Builds degu-lab, its tests and its benchmark with CUDA on a machine without GPU, driver or CUDA installation. Needs cargo, cc, python3 with pip.
#
#   tools/cuda/build.sh [DEST]        DEST: folder of the toolkit (104 MB download, 271 MB on disk), default target-cuda/toolkit
#
# The binary needs no CUDA library to start: on a machine without a driver `device = "auto"` is the CPU and `device = "cuda:0"` an error.
# On the machine with the GPU: tools/cuda/run_on_gpu.sh target-cuda/release/degu-lab doctor
# Environment: CUDA_COMPUTE_CAP (default 80: Ampere and newer; 90 for Hopper alone), CUDA_TARGET_DIR (default target-cuda).
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
cd "$here/../.."
target=${CUDA_TARGET_DIR:-target-cuda}
mkdir -p "${1:-$target/toolkit}"
toolkit=$(cd "${1:-$target/toolkit}" && pwd)
root=$toolkit/nvidia/cu13
[ -x "$root/bin/nvcc" ] || "$here/fetch_toolkit.sh" "$toolkit"

cudarc=$(cargo metadata --format-version 1 --locked --features cuda | python3 -c '
import json, os, sys
print(next(os.path.dirname(p["manifest_path"]) for p in json.load(sys.stdin)["packages"] if p["name"] == "cudarc"))')
[ -e "$toolkit/link/lib/libcuda.a" ] || "$here/lazy_libraries.sh" "$toolkit/link" "$cudarc" "$root/lib/libcudart_static.a" > /dev/null

export PATH=$root/bin:$PATH CUDA_HOME=$toolkit/link CUDARC_CUDA_VERSION=13000 CUDA_COMPUTE_CAP=${CUDA_COMPUTE_CAP:-80}
unset CUDA_PATH CUDA_ROOT CUDA_TOOLKIT_ROOT_DIR CUDNN_LIB # cudarc would search these too
cargo build --release --locked --features cuda --target-dir "$target"
# The suite of the layers as a program of its own, to be carried to the GPU.
suite=$(cargo test --release --locked -p degu-lab -p degu-nn --features cuda --target-dir "$target" --test suite --no-run --message-format json |
  python3 -c '
import json, sys
found = [m["executable"] for m in map(json.loads, sys.stdin) if m.get("executable") and m["target"]["name"] == "suite"]
print(found[-1])')
cp "$suite" "$target/release/degu-nn-suite"
# Our side of the comparison with PyTorch.
bench=$(cargo bench --locked --features cuda --target-dir "$target" --bench vs_torch --no-run --message-format json |
  python3 -c '
import json, sys
found = [m["executable"] for m in map(json.loads, sys.stdin) if m.get("executable") and m["target"]["name"] == "vs_torch"]
print(found[-1])')
cp "$bench" "$target/release/degu-vs-torch"
ls -l "$target"/release/degu-{lab,nn-suite,vs-torch}
