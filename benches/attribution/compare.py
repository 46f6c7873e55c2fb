"""Compares exported maps with tangermeme 1.6.0 on the same weights, sequences and references, and times it."""

import argparse
import json
import resource
import statistics
import sys
import time
import warnings
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file


class Permute(torch.nn.Module):
    """Channels first to position-major features: `[N, C, L]` to `[N, L C]`."""

    def forward(self, x):
        return x.permute(0, 2, 1).reshape(x.shape[0], -1)


class MeanOverPositions(torch.nn.Module):
    def forward(self, x):
        return x.mean(dim=2)


class Residual(torch.nn.Module):
    def __init__(self, body):
        super().__init__()
        self.body = body

    def forward(self, x):
        return x + self.body(x)


class Weights:
    """Layers from tensors in the layouts of the exported file (channels last)."""

    def __init__(self, tensors):
        self.tensors = tensors

    def conv(self, name, dilation=1):
        kernel = self.tensors[f"{name}.weight"]
        taps, c_in, c_out = kernel.shape
        bias = self.tensors.get(f"{name}.bias")
        left = (taps - 1) * dilation // 2
        right = (taps - 1) * dilation - left
        layer = torch.nn.Conv1d(c_in, c_out, taps, dilation=dilation, bias=bias is not None)
        layer.weight.data = kernel.permute(2, 1, 0).contiguous()
        if bias is not None:
            layer.bias.data = bias.clone()
        if left == right:
            layer.padding = (left,)
            return [layer]
        return [torch.nn.ConstantPad1d((left, right), 0.0), layer]

    def norm(self, name, epsilon):
        weight = self.tensors[f"{name}.weight"]
        layer = torch.nn.BatchNorm1d(len(weight), eps=epsilon)
        layer.weight.data = weight.clone()
        layer.bias.data = self.tensors[f"{name}.bias"].clone()
        layer.running_mean.data = self.tensors[f"{name}.running_mean"].clone()
        layer.running_var.data = self.tensors[f"{name}.running_var"].clone()
        return [layer]

    def dense(self, name, columns=None):
        weight, bias = self.tensors[f"{name}.weight"], self.tensors[f"{name}.bias"]
        if columns is not None:
            weight, bias = weight[:, :columns], bias[:columns]
        layer = torch.nn.Linear(*weight.shape)
        layer.weight.data = weight.T.contiguous()
        layer.bias.data = bias.clone()
        return [layer]

    def at_every_position(self, name):
        """A dense layer on `[N, C, L]`: a convolution of one tap."""
        weight = self.tensors[f"{name}.weight"]
        layer = torch.nn.Conv1d(*weight.shape, 1)
        layer.weight.data = weight.T.unsqueeze(2).contiguous()
        layer.bias.data = self.tensors[f"{name}.bias"].clone()
        return [layer]


def epsilon_of(params):
    """Keras statistics add 1e-3, PyTorch's 1e-5; the architectures name the style in `norm`."""
    return {"keras": 1e-3, "torch": 1e-5}[str(params.get("norm", "keras")).lower()]


def deepstarr(w, params):
    relu, eps = torch.nn.ReLU, epsilon_of(params)
    layers = []
    for i in range(1, 5):
        layers += w.conv(f"conv{i}") + w.norm(f"norm{i}", eps) + [relu(), torch.nn.MaxPool1d(2)]
    layers.append(Permute())
    for i in range(1, 3):
        layers += w.dense(f"dense{i}") + w.norm(f"norm{i + 4}", eps) + [relu()]
    return layers


def residualbind(w, params):
    silu, eps = torch.nn.SiLU, epsilon_of(params)
    pool = params.get("pool", 5)
    body = w.conv("block.conv0") + w.norm("block.norm0", eps)
    for i in range(params.get("n_dilations", 5)):
        body += [torch.nn.ReLU()] + w.conv(f"block.conv{i + 1}", dilation=1 << i) + w.norm(f"block.norm{i + 1}", eps)
    layers = w.conv("conv1") + w.norm("norm1", eps) + [silu()]
    layers += [Residual(torch.nn.Sequential(*body)), silu(), torch.nn.MaxPool1d(pool)]
    layers += w.conv("conv2") + w.norm("norm2", eps) + [silu(), torch.nn.MaxPool1d(pool)]
    layers += w.at_every_position("dense1") + w.norm("norm3", eps) + [silu(), MeanOverPositions()]
    layers += w.dense("dense2") + w.norm("norm4", eps) + [silu()]
    return layers


def one_hot(codes):
    """`[.., L]` codes to `[.., 4, L]`; N is a column of zeros."""
    table = torch.cat([torch.eye(4), torch.zeros(1, 4)])
    return table[torch.from_numpy(codes.astype(np.int64))].movedim(-1, -2).contiguous()


def median_of(runs, work):
    times = []
    for _ in range(runs):
        start = time.perf_counter()
        result = work()
        times.append(time.perf_counter() - start)
    return statistics.median(times), result


def pearson(a, b):
    return float(np.corrcoef(a.ravel(), b.ravel())[0, 1])


def peak_mb():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="what the example `attribution` wrote")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--batch", type=int, default=32, help="tangermeme's default")
    parser.add_argument("--skip-speed", action="store_true")
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()

    from tangermeme.deep_lift_shap import deep_lift_shap
    from tangermeme.saturation_mutagenesis import saturation_mutagenesis

    folder = arguments.folder
    report = json.loads((folder / "report.json").read_text())
    torch.set_num_threads(report["threads"])
    card = report["network"]["architecture"]
    build = {"deepstarr": deepstarr, "residualbind": residualbind}[card["plugin"]]
    weights = Weights(load_file(folder / "weights.safetensors"))
    columns = report["network"].get("labels", {}).get("outputs")
    model = torch.nn.Sequential(*build(weights, card.get("params", {})), *weights.dense("head", columns)).eval()

    codes, references = np.load(folder / "sequences.npy"), np.load(folder / "references.npy")
    x, r = one_hot(codes), one_hot(references)
    predictions = np.load(folder / "predictions.npy")
    with torch.no_grad():
        y = model(x)[:, 0].numpy()
    off = float(np.abs(y - predictions).max() / np.abs(predictions).max())
    print(f"predictions: off by {off:.1e} of the largest")
    results = {"report": report, "predictions": off}
    failed = off > 1e-4

    def shap(model, x, r):
        return deep_lift_shap(
            model, x, target=0, references=r, batch_size=arguments.batch, device="cpu",
            hypothetical=True, warning_threshold=1.0,
        )

    runs = 1 if arguments.skip_speed else arguments.runs
    seconds, theirs = median_of(runs, lambda: shap(model, x, r))
    ours = np.load(folder / "deepshap.npy").transpose(0, 2, 1)
    exact = shap(model.double(), x.double(), r.double())
    model.float()
    results["deepshap"] = {
        "r": pearson(ours, theirs.numpy()), "r_to_f64": pearson(ours, exact.numpy()),
        "tangermeme_r_to_f64": pearson(theirs.numpy(), exact.numpy()),
        "worst": float(np.abs(ours - exact.numpy()).max() / np.abs(exact.numpy()).max()),
        "completeness": report["deepshap"]["completeness"],
        "seconds": report["deepshap"]["seconds"], "tangermeme_seconds": seconds,
        "ratio": seconds / report["deepshap"]["seconds"],
        "peak_mb": report["peak_mb"], "tangermeme_peak_mb": peak_mb(),
    }
    failed |= results["deepshap"]["r_to_f64"] < 0.99999 or report["deepshap"]["completeness"] > 1e-3

    def ism(fast):
        return saturation_mutagenesis(
            model, x, batch_size=arguments.batch, device="cpu", hypothetical=True, target=0, fast=fast
        )

    ours = np.load(folder / "ism.npy").transpose(0, 2, 1)
    for fast in (False, True):
        key = "ism_fast" if fast else "ism"
        try:
            with warnings.catch_warnings(record=True) as said:
                warnings.simplefilter("always")
                seconds, theirs = median_of(runs, lambda: ism(fast))
        except Exception as error:  # a network that the fast way does not take
            results[key] = {"error": str(error)}
            print(f"{key}: tangermeme: {error}")
            continue
        results[key] = {
            "r": pearson(ours, theirs.numpy()),
            "seconds": report["ism"]["seconds"], "tangermeme_seconds": seconds,
            "ratio": seconds / report["ism"]["seconds"],
            # Its fast way times itself first and falls back to the plain one where that is quicker.
            "tangermeme_fell_back": any("fast=False" in str(w.message) for w in said),
        }
        failed |= results[key]["r"] < 0.99999

    for name in ("deepshap", "ism", "ism_fast"):
        print(name, json.dumps(results[name]))
    if arguments.out:
        arguments.out.write_text(json.dumps(results, indent=2) + "\n")
    if failed:
        sys.exit("parity is broken: see the numbers above")


if __name__ == "__main__":
    main()
