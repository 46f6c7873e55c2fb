"""Whether a twin is our network: the same weights and sequences give the same outputs, in both variants.

usage: check.py FOLDER... (each written by `vs_torch export NET FOLDER`)
"""
import json
import pathlib
import sys

import numpy as np
import torch

import twins

TOLERANCE = 1e-4


def check(folder):
    manifest = json.loads((folder / "manifest.json").read_text())
    weights = np.fromfile(folder / "weights.bin", "<f4")
    n, length = manifest["sequences"], manifest["length"]
    codes = torch.as_tensor(np.fromfile(folder / "codes.bin", "u1").reshape(n, length))
    ours = torch.as_tensor(np.fromfile(folder / "outputs.bin", "<f4").reshape(n, manifest["outputs"]))
    tensors = {}
    for t in manifest["tensors"]:
        size = int(np.prod(t["shape"]))
        tensors[t["name"]] = weights[t["offset"] : t["offset"] + size].reshape(t["shape"])
    good = True
    for variant in ("ncl", "nhwc"):
        model = twins.NETS[manifest["net"]](variant).eval()
        twins.load(model, tensors)
        with torch.inference_mode():
            theirs = model(twins.one_hot(codes, variant))
        scale = theirs.abs().max().item()
        worst = (theirs - ours).abs().max().item() / scale
        parameters = sum(p.numel() for p in model.parameters())
        ok = worst < TOLERANCE and scale > 1e-3
        good &= ok
        print(f"{manifest['net']} {variant}: {parameters} parameters, largest difference {worst:.1e} of {scale:.2g}, {'equal' if ok else 'DIFFERENT'}")
    return good


if __name__ == "__main__":
    folders = [pathlib.Path(f) for f in sys.argv[1:]]
    if not folders:
        sys.exit(__doc__)
    sys.exit(0 if all([check(f) for f in folders]) else 1)
