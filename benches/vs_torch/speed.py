"""Training and inference speed of a twin on the CPU: one line of JSON.

A training step is forward, mean squared error, backward and Adam on one prepared batch, as on the other side; the loss is read once
a step. The allocator's settings must be in the environment of the process (see run.sh).
"""
import argparse
import json
import statistics
import time

import torch
import torch.nn.functional as F

import twins

SETTINGS = {
    "eager": ("ncl", False, False),
    "eager-tuned": ("ncl", False, False),
    "best-fp32": ("nhwc", True, False),
    "bf16": ("nhwc", True, True),
}


def timed(step, n, seconds):
    """Sequences per second: median and best."""
    for _ in range(3):
        step()
    times, start = [], time.perf_counter()
    while time.perf_counter() - start < seconds or len(times) < 5:
        t = time.perf_counter()
        step()
        times.append(time.perf_counter() - t)
    return n / statistics.median(times), n / min(times)


def peak_mb():
    """Peak of resident memory in MB (10^6 bytes)."""
    with open("/proc/self/status") as lines:
        kib = next(line for line in lines if line.startswith("VmHWM:")).split()[1]
    return int(kib) * 1024 / 1e6


def main():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("net", choices=sorted(twins.NETS))
    p.add_argument("setting", choices=sorted(SETTINGS))
    p.add_argument("--threads", type=int, default=2)
    p.add_argument("--seconds", type=float, default=4)
    p.add_argument("--train-batch", type=int, default=128)
    p.add_argument("--infer-batch", type=int, default=512)
    a = p.parse_args()

    variant, fused, bf16 = SETTINGS[a.setting]
    torch.set_num_threads(a.threads)
    torch.manual_seed(0)
    model = twins.NETS[a.net](variant)
    if variant == "nhwc":
        model = model.to(memory_format=torch.channels_last)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, fused=fused)
    batch = lambda n: twins.one_hot(torch.randint(0, 4, (n, model.LENGTH)), variant)
    x = batch(a.train_batch)
    with torch.no_grad():
        y = torch.randn(a.train_batch, model.eval()(x[:2]).shape[1])
    model.train()
    autocast = lambda: torch.autocast("cpu", dtype=torch.bfloat16, enabled=bf16)

    def train():
        optimizer.zero_grad(set_to_none=True)
        with autocast():
            out = model(x)
        loss = F.mse_loss(out.float(), y)
        loss.backward()
        optimizer.step()
        return loss.item()

    training = timed(train, a.train_batch, a.seconds)
    peak = peak_mb()
    model.eval()
    x_infer = batch(a.infer_batch)

    def infer():
        with torch.inference_mode(), autocast():
            return model(x_infer)

    inference = timed(infer, a.infer_batch, a.seconds)
    print(
        json.dumps(
            {
                "net": a.net,
                "setting": a.setting,
                "version": f"torch {torch.__version__}",
                "threads": torch.get_num_threads(),
                "train": training[0],
                "train_best": training[1],
                "infer": inference[0],
                "infer_best": inference[1],
                "peak_mb": peak,
                "train_batch": a.train_batch,
                "infer_batch": a.infer_batch,
            }
        ),
        flush=True,
    )


if __name__ == "__main__":
    main()
