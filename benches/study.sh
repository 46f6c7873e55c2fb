#!/usr/bin/env bash
# Times of the framework around training: start of a command, plan of a study of 10,000 tasks, a prepared data set, a second run.
# Prints the median over several runs of each in milliseconds; the aims stand beside them. Nothing is asserted.
#
#   benches/study.sh                         builds the release binary
#   DEGU_LAB=path/to/degu-lab benches/study.sh
#   RUNS=21 DEGU_DATA=folder benches/study.sh
set -euo pipefail
root="$(cd "$(dirname "$0")/.." && pwd)"
runs="${RUNS:-9}"
data="${DEGU_DATA:-$root/../shared/data}"
lab="${DEGU_LAB:-}"
if [ -z "$lab" ]; then
  (cd "$root" && cargo build --release --locked --quiet)
  lab="${CARGO_TARGET_DIR:-$root/target}/release/degu-lab"
fi
lab="$(realpath "$lab")"
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
cd "$work"

now() { local t="${EPOCHREALTIME/[.,]/}"; echo "$t"; }

# median NAME AIM COMMAND..: the command's output is thrown away, its failure is not.
median() {
  local name="$1" aim="$2" times=() start i
  shift 2
  "$@" > /dev/null
  for ((i = 0; i < runs; i++)); do
    start="$(now)"
    "$@" > /dev/null
    times+=("$(($(now) - start))")
  done
  local middle
  middle="$(printf '%s\n' "${times[@]}" | sort -n | sed -n "$(((runs + 1) / 2))p")"
  printf '%-52s %8d.%01d ms   (aim: %s)\n' "$name" "$((middle / 1000))" "$((middle % 1000 / 100))" "$aim"
}

printf '%s, median of %s runs\n' "$("$lab" --version)" "$runs"
for command in "--version" "help exit-codes" "plugins list" "plugins show residualbind" "schema" "status" "ls"; do
  # shellcheck disable=SC2086
  median "start: $command" "50 ms" "$lab" $command
done

# 600 points of 10 members, a teacher, 5 students and an evaluation, and the data that all share: 10,201 tasks.
cat > large.toml <<'TOML'
[study]
name = "large"

[dataset]
plugin = "simulated"

[architecture]
plugin = "deepstarr"

[ensemble]
members = 10

[distill]
students = 5

[sweep.rates]
kind = "grid"
axes = { "training.optimizer.lr" = [LEARNING_RATES], "architecture.dropout" = [DROPOUTS] }
TOML
rates="$(seq -s, -f '%.0fe-5' 10 10 300)"
dropouts="$(seq -s, -f '%.3f' 0.02 0.04 0.78)"
sed -i "s/LEARNING_RATES/$rates/; s/DROPOUTS/$dropouts/" large.toml
tasks="$("$lab" plan large.toml --sweep all --format json | grep -o '"distinct": *[0-9]*' | head -n 1 | grep -o '[0-9]*')"
median "plan of $tasks tasks" "2,000 ms" "$lab" plan large.toml --sweep all --format json

cat > small.toml <<'TOML'
[study]
name = "small"

[dataset]
plugin = "simulated"
train = 200
validation = 60
test = 60

[architecture]
plugin = "deepstarr"
filters = [8, 8, 8, 8]
units = [8, 8]

[ensemble]
members = 2

[training]
epochs = 2

[distill]
students = 1
TOML
"$lab" run small.toml --progress none > /dev/null
median "a second run of a finished study" "1,000 ms" "$lab" run small.toml --progress none

if [ -f "$data/agarwal_joint.tsv.gz" ]; then
  prepare() {
    rm -rf store runs
    DEGU_DATA="$data" "$lab" run "$root/experiments/lentimpra_joint.toml" --only prepare --progress none
  }
  runs=3
  median "prepare agarwal_joint (load, split, measure leakage)" "none; loading alone: cargo bench --bench loading" prepare
  if [ -x /usr/bin/time ]; then
    rm -rf store runs
    DEGU_DATA="$data" /usr/bin/time -f '%M' -o memory "$lab" run "$root/experiments/lentimpra_joint.toml" --only prepare \
      --progress none > /dev/null
    printf '%-52s %8d MB     (aim: 1 byte a base + 300 MB = 311 MB)\n' "largest memory of prepare" "$(($(tail -n 1 memory) / 1000))"
  else
    echo "skipped: memory (no /usr/bin/time)"
  fi
else
  echo "skipped: $data/agarwal_joint.tsv.gz is not there"
fi
