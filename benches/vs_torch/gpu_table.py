"""One table of the lines of `gpu.py` and of `vs_torch side-by-side`: sequences per second, ratios, achieved arithmetic."""
import json
import sys

rows = [json.loads(line) for line in open(sys.argv[1])]
flops = {r["net"]: r["flops_per_sequence"] for r in rows if "flops_per_sequence" in r}
rates = {(r["net"], r["setting"]): r["train"] for r in rows}
print("| network | what | members | sequences/s | to PyTorch as it comes | to PyTorch in f32 | TFLOP/s |")
print("|---|---|---:|---:|---:|---:|---:|")
for r in rows:
    ratios = [rates.get((r["net"], setting)) for setting in ("eager", "eager-f32")]
    ratios = [f"{r['train'] / other:.2f}" if other else "-" for other in ratios]
    arithmetic = f"{r['train'] * flops[r['net']] / 1e12:.2f}" if r["net"] in flops else "-"
    what = r.get("kernels") or f"{r['version']} {r['setting']}"
    print("|", " | ".join([r["net"], what, str(r["members"]), f"{r['train']:.0f}", *ratios, arithmetic]), "|")
print()
print("PyTorch trains members one after the other: its rate is that of one member. Operations of a step: two per multiply-add of")
print("convolutions and dense layers, forward and backward, as if the one-hot input were dense.")
