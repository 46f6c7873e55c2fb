#!/usr/bin/env bash
# On a machine with an NVIDIA GPU: tests every operation on it, trains the quickstart there and on the CPU, and times both. One call.
#
#   tools/cuda/test.sh [OUT]          after tools/cuda/build.sh, here or elsewhere; OUT: folder of the results, default cuda-results
#
# Without a device it says so and ends with 8.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
cd "$here/../.."
release=${CUDA_TARGET_DIR:-target-cuda}/release
out=${1:-cuda-results}
mkdir -p "$out"
lab=$(cd "$release" && pwd)/degu-lab
gpu() { "$here/run_on_gpu.sh" "$@"; }

gpu "$lab" doctor --format json > "$out/doctor.json"
python3 - "$out/doctor.json" <<'P' || exit 8
import json, sys

found = json.load(open(sys.argv[1]))
print("CUDA:", found["cuda_detail"])
sys.exit(not found["cuda"])
P
nvidia-smi --query-gpu=name,driver_version,memory.total --format=csv > "$out/device.csv" 2> /dev/null || true

echo "== operations and gradients"
gpu "$release/degu-nn-suite" --test-threads 1 2>&1 | tee "$out/suite.log"
if grep -q '^skipped on CUDA' "$out/suite.log"; then echo "the suite ran on the CPU"; exit 1; fi

echo "== the quickstart on both devices"
experiments=$PWD/experiments
for device in cpu cuda:0; do
  folder=$out/${device/:/-}
  mkdir -p "$folder"
  start=$(date +%s%N)
  (cd "$folder" && gpu "$lab" run "$experiments/quickstart.toml" --set "training.device=\"$device\"" --set executor.jobs=1 \
    --set training.backend='"autograd"' --progress none)
  echo "$device $((($(date +%s%N) - start) / 1000000)) ms" | tee -a "$out/times.txt"
done
python3 - "$out" <<'P'
import csv, sys

def metrics(folder):
    rows = csv.DictReader(open(f"{folder}/runs/quickstart/tables/metrics.csv"))
    return {(r["kind"], r["model"], r["split"], r["metric"]): float(r["value"]) for r in rows}

cpu, cuda = (metrics(f"{sys.argv[1]}/{d}") for d in ("cpu", "cuda-0"))
# Two devices are two runs of the same recipe: single precision drifts apart over thousands of steps.
apart = {k: cuda[k] - v for k, v in cpu.items() if k[3] == "pearson" and k[2] == "test"}
for key, difference in sorted(apart.items()):
    print(*key, f"cpu {cpu[key]:.4f} cuda {cuda[key]:.4f} ({difference:+.4f})")
worst = max(map(abs, apart.values()))
print(f"largest difference of test correlations: {worst:.4f}")
sys.exit(worst > 0.05)
P
echo "results in $out"
