#!/usr/bin/env bash
# On a machine with an NVIDIA GPU: tests every operation and the fused engine on it, trains the quickstart there and on the CPU, times both,
# and times ensembles beside PyTorch where it is installed. One call.
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
for run in cpu/autograd cuda:0/autograd cuda:0/fused; do
  device=${run%/*} backend=${run#*/}
  folder=$out/${device/:/-}-$backend
  mkdir -p "$folder"
  start=$(date +%s%N)
  (cd "$folder" && gpu "$lab" run "$experiments/quickstart.toml" --set "training.device=\"$device\"" --set executor.jobs=1 \
    --set "training.backend=\"$backend\"" --progress none)
  echo "$run $((($(date +%s%N) - start) / 1000000)) ms" | tee -a "$out/times.txt"
done
python3 - "$out" <<'P'
import csv, sys

def metrics(folder):
    rows = csv.DictReader(open(f"{folder}/runs/quickstart/tables/metrics.csv"))
    return {(r["kind"], r["model"], r["split"], r["metric"]): float(r["value"]) for r in rows}

cpu = metrics(f"{sys.argv[1]}/cpu-autograd")
worst = 0
for backend in ("autograd", "fused"):
    cuda = metrics(f"{sys.argv[1]}/cuda-0-{backend}")
    # Two devices are two runs of the same recipe: single precision drifts apart over thousands of steps.
    apart = {k: cuda[k] - v for k, v in cpu.items() if k[3] == "pearson" and k[2] == "test"}
    for key, difference in sorted(apart.items()):
        print(backend, *key, f"cpu {cpu[key]:.4f} cuda {cuda[key]:.4f} ({difference:+.4f})")
    worst = max(worst, *map(abs, apart.values()))
print(f"largest difference of test correlations: {worst:.4f}")
sys.exit(worst > 0.05)
P

echo "== ensembles beside PyTorch"
python=${PYTHON:-python3}
: > "$out/speed.jsonl"
torch=yes
gpu "$python" -c 'import sys, torch; sys.exit(not torch.cuda.is_available())' 2> /dev/null || torch=no
[ $torch = yes ] || echo "PyTorch with CUDA is not installed for $python: our side only"
for net in deepstarr residualbind5; do
  for members in 1 10; do
    gpu "$release/degu-vs-torch" side-by-side $net --members $members --device cuda:0 >> "$out/speed.jsonl"
  done
  if [ $torch = yes ]; then
    for setting in eager eager-f32; do
      gpu "$python" benches/vs_torch/gpu.py $net $setting >> "$out/speed.jsonl"
    done
  fi
done
python3 benches/vs_torch/gpu_table.py "$out/speed.jsonl" | tee "$out/speed.md"
echo "results in $out"
