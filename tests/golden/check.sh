#!/usr/bin/env bash
# Compares the artifacts and tables of a quickstart with the digests of this folder.
#
#   tests/golden/check.sh FOLDER ISA           FOLDER holds store/ and runs/quickstart
#   tests/golden/check.sh FOLDER ISA --write   writes the digests of this instruction set anew
#
# Last digits depend on the instruction set, so there is one file for each; without one the check
# says so and passes. `tables/configuration.csv` names lines of the experiment file and is left out.
# A digest that moves is a number that moved: list it in the changelog.
set -euo pipefail
folder="$1"
golden="$(cd "$(dirname "$0")" && pwd)/quickstart.$2.sha256"
digests() {
  (cd "$folder/store/objects" && find . -type f ! -name manifest.json | LC_ALL=C sort | xargs sha256sum | sed 's#  \./#  #')
  (cd "$folder/runs/quickstart" && LC_ALL=C ls tables/*.csv | grep -v configuration | xargs sha256sum)
  printf '%s  predictions.tsv\n' "$(gzip -dc "$folder/runs/quickstart/predictions.tsv.gz" | sha256sum | cut -d' ' -f1)"
}
if [ "${3:-}" = "--write" ]; then
  digests > "$golden"
elif [ -f "$golden" ]; then
  diff "$golden" <(digests) && echo "the quickstart's artifacts and tables are those of $(basename "$golden")"
else
  echo "skipped: there are no golden digests for kernels $2"
fi
