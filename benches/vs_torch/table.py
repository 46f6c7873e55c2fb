"""One Markdown table of the rounds of run.sh: medians over rounds, ranges, ratios, peak memory.

usage: table.py ROUNDS.jsonl
"""
import collections
import json
import statistics
import sys

ORDER = ["ours", "eager", "eager-tuned", "best-fp32", "bf16"]


def spread(values, digits=0):
    """`median (lowest-highest)`."""
    middle = f"{statistics.median(values):.{digits}f}"
    return middle if len(values) == 1 else f"{middle} ({min(values):.{digits}f}-{max(values):.{digits}f})"


def main(path):
    rounds = collections.defaultdict(list)
    with open(path) as lines:
        for line in lines:
            row = json.loads(line)
            rounds[row["net"], row["setting"]].append(row)
    nets = list(dict.fromkeys(net for net, _ in rounds))
    print("| network | setting | rounds | train, seq/s | ours : it | predict, seq/s | ours : it | peak memory, MB |")
    print("|---|---|---|---|---|---|---|---|")
    for net in nets:
        ours = rounds.get((net, "ours"))
        first = True
        for setting in ORDER:
            rows = rounds.get((net, setting))
            if not rows:
                continue
            cells = []
            for key in ("train", "infer"):
                cells.append(spread([r[key] for r in rows]))
                ratio = statistics.median(r[key] for r in ours) / statistics.median(r[key] for r in rows) if ours else None
                cells.append("" if setting == "ours" or ratio is None else f"{ratio:.2f}")
            peaks = [r["peak_mb"] for r in rows if r["peak_mb"] is not None]
            batches = f"{rows[0]['train_batch']}/{rows[0]['infer_batch']}"
            name = f"{net} ({batches})" if first else ""
            first = False
            print(f"| {name} | {setting} | {len(rows)} | {' | '.join(cells)} | {spread(peaks) if peaks else ''} |")
    versions = sorted({r["version"] for rows in rounds.values() for r in rows})
    kernels = sorted({r["kernels"] for rows in rounds.values() for r in rows if "kernels" in r})
    threads = sorted({r["threads"] for rows in rounds.values() for r in rows})
    print(f"\nVersions: {', '.join(versions)}; ours: {', '.join(kernels)}; threads: {', '.join(map(str, threads))}.")
    print("Medians over rounds of each process's median step, with the range; batches are training/prediction.")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(sys.argv[1])
