#!/usr/bin/env bash
# Side by side with PyTorch on this machine: whole networks, the same batches and threads, interleaved rounds, one table.
#
#   benches/vs_torch/run.sh [NET...]          all networks without arguments: deepstarr residualbind3 residualbind5 bpnet dream_rnn
#
# Settings by environment:
#   ROUNDS=3  SECONDS_EACH=4  THREADS=2       rounds, time per measurement, threads of both sides
#   SETTINGS="eager eager-tuned best-fp32 bf16"
#   TRAIN_BATCH, INFER_BATCH                  instead of the usual 128/512 (BPNet 64/64)
#   OUT=target/vs_torch                       rounds.jsonl, table.md, exported weights, the virtual environment
#   TORCH_INDEX=URL                           package index for torch, such as one of CPU builds; PyPI by default
#   PYTHON=python3
#
# The first run downloads PyTorch. Every twin is checked against our outputs before anything is timed. Use a quiet machine: with
# foreign load both sides slow down, and not by the same factor.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
out=${OUT:-$root/target/vs_torch}
rounds=${ROUNDS:-3} seconds=${SECONDS_EACH:-4} threads=${THREADS:-2}
settings=${SETTINGS:-eager eager-tuned best-fp32 bf16}
nets=("$@")
[ ${#nets[@]} -gt 0 ] || nets=(deepstarr residualbind3 residualbind5 bpnet dream_rnn)
mkdir -p "$out"

venv=$out/venv
if ! cmp -s "$here/requirements.txt" "$venv/installed.txt"; then
    "${PYTHON:-python3}" -m venv "$venv"
    "$venv/bin/pip" install --quiet ${TORCH_INDEX:+--extra-index-url "$TORCH_INDEX"} -r "$here/requirements.txt"
    cp "$here/requirements.txt" "$venv/installed.txt"
fi
python=$venv/bin/python

echo "building" >&2
ours=$(cd "$root" && cargo bench --bench vs_torch --no-run --message-format=json-render-diagnostics |
    "$python" -c 'import json, sys
found = [m["executable"] for m in map(json.loads, sys.stdin) if m.get("target", {}).get("name") == "vs_torch" and m.get("executable")]
print(found[-1])')

for net in "${nets[@]}"; do
    "$ours" export "$net" "$out/export/$net" >/dev/null
    "$python" "$here/check.py" "$out/export/$net" >&2
done

# glibc gives large freed blocks back and takes page faults for them at the next step unless told otherwise.
tuned=(MALLOC_MMAP_THRESHOLD_=4294967296 MALLOC_TRIM_THRESHOLD_=8589934592 MALLOC_TOP_PAD_=1073741824)
: >"$out/rounds.jsonl"
loads=()
for ((round = 1; round <= rounds; round++)); do
    for net in "${nets[@]}"; do
        train=128 infer=512
        [ "$net" = bpnet ] && train=64 infer=64
        options=(--threads "$threads" --seconds "$seconds" --train-batch "${TRAIN_BATCH:-$train}" --infer-batch "${INFER_BATCH:-$infer}")
        loads+=("$(cut -d' ' -f1 /proc/loadavg)")
        echo "round $round: $net ours" >&2
        RAYON_NUM_THREADS=$threads "$ours" speed "$net" "${options[@]}" >>"$out/rounds.jsonl"
        for setting in $settings; do
            echo "round $round: $net $setting" >&2
            environment=()
            [ "$setting" = eager ] || environment=("${tuned[@]}")
            env "${environment[@]}" "$python" "$here/speed.py" "$net" "$setting" "${options[@]}" >>"$out/rounds.jsonl"
        done
    done
done

{
    "$python" "$here/table.py" "$out/rounds.jsonl"
    echo "Machine: $(sed -n 's/^model name\s*: //p' /proc/cpuinfo | head -1), $(nproc) CPUs; load average before each round (both sides' own work included after the first): ${loads[*]}."
    echo "Commit $(git -C "$root" rev-parse --short HEAD 2>/dev/null || echo unknown)$(git -C "$root" diff --quiet HEAD 2>/dev/null || echo ' with changes'); $(cd "$root" && rustc --version); $(date -u +%F)."
    echo "Ours takes base codes, PyTorch a prepared one-hot tensor; no data loading on either side."
} | tee "$out/table.md"
