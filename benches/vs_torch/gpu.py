"""Training speed of a twin on a GPU: one line of JSON with sequences per second and the arithmetic of a step.

A training step is forward, mean squared error, backward and Adam on one prepared batch; the loss is read every 50 steps, as on the other
side. Settings: `eager` is PyTorch as it comes (convolutions round to TF32), `eager-f32` rounds nothing.
"""
import argparse
import json
import time

import torch
import torch.nn as nn
import torch.nn.functional as F

import twins

READ_EVERY = 50


def operations(model, x):
    """Floating-point operations of a training step per sequence: two per multiply-add of convolutions and dense layers, forward and in
    both backward products, as if the one-hot input were dense; the first layer has no input gradient."""
    total, hooks = 0, []

    def count(module, inputs, output):
        nonlocal total
        each = module.weight.numel() // module.weight.shape[0]
        passes = 3 if inputs[0].requires_grad else 2
        total += 2 * passes * each * output.numel() // output.shape[0]

    for module in model.modules():
        if isinstance(module, (nn.Conv1d, nn.Linear)):
            hooks.append(module.register_forward_hook(count))
    model(x)
    for hook in hooks:
        hook.remove()
    return total


def main():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("net", choices=sorted(twins.NETS))
    p.add_argument("setting", choices=["eager", "eager-f32"])
    p.add_argument("--seconds", type=float, default=4)
    p.add_argument("--train-batch", type=int, default=128)
    a = p.parse_args()

    torch.manual_seed(0)
    torch.backends.cudnn.allow_tf32 = a.setting == "eager"
    torch.backends.cudnn.benchmark = True
    model = twins.NETS[a.net]("ncl").cuda()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    x = twins.one_hot(torch.randint(0, 4, (a.train_batch, model.LENGTH)), "ncl").cuda()
    with torch.no_grad():
        y = torch.randn(a.train_batch, model.eval()(x[:2]).shape[1], device="cuda")
    model.train()
    flops = operations(model, x)

    def some():
        losses = []
        for _ in range(READ_EVERY):
            optimizer.zero_grad(set_to_none=True)
            loss = F.mse_loss(model(x), y)
            loss.backward()
            optimizer.step()
            losses.append(loss.detach())
        assert torch.stack(losses).isfinite().all().item()

    some()
    torch.cuda.synchronize()
    steps, start = 0, time.perf_counter()
    while time.perf_counter() - start < a.seconds:
        some()
        steps += READ_EVERY
    torch.cuda.synchronize()
    rate = steps * a.train_batch / (time.perf_counter() - start)
    line = {
        "net": a.net,
        "setting": a.setting,
        "version": f"torch {torch.__version__}",
        "device": torch.cuda.get_device_name(),
        "members": 1,
        "train": rate,
        "train_batch": a.train_batch,
        "flops_per_sequence": flops,
    }
    print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main()
