"""Strided convolutions and self-attention of PyTorch in f64: outputs, and gradients of inputs and parameters.

python make_layers.py > layers.json

Graphs are written as degu_core::graph reads them; tensors are channels-last, kernels [width, C_in / groups, filters].
"""

import json
import math

import torch
import torch.nn.functional as F

torch.set_default_dtype(torch.float64)
torch.manual_seed(7)
N = 3


def conv(name, filters, width, stride=1, padding="same", dilation=1, groups=1):
    layer = dict(name=name, filters=filters, width=width, dilation=dilation, groups=groups, padding=padding, bias=True, init="torch_uniform")
    if stride != 1:
        layer["stride"] = stride
    return {"conv": layer}


def attention(name, heads, inner, channels, project_bias=True, output_bias=True):
    return {"attention": dict(name=name, heads=heads, inner=inner, channels=channels, project_bias=project_bias,
                              output_bias=output_bias, init="torch_uniform")}


def explicit(left, right):
    return {"explicit": dict(left=left, right=right)}


def dense(name, units):
    return {"dense": dict(name=name, units=units, bias=True, init="torch_uniform")}


def layer_norm(name):
    return {"layer_norm": dict(name=name, epsilon=1e-5)}


class Run:
    """Runs a graph; makes a parameter the first time that it is asked for."""

    def __init__(self):
        self.parameters = {}

    def parameter(self, name, *shape):
        if name not in self.parameters:
            fan_in = math.prod(shape[:-1])
            value = torch.randn(shape) * (1.0 if len(shape) == 1 else fan_in**-0.5)
            if len(shape) == 1 and name.endswith("weight"):
                value += 1.0
            # Single precision holds them exactly.
            self.parameters[name] = value.float().double().requires_grad_()
        return self.parameters[name]

    def affine(self, name, x, units, bias):
        weight = self.parameter(f"{name}.weight", x.shape[-1], units)
        return F.linear(x, weight.T, self.parameter(f"{name}.bias", units) if bias else None)

    def layers(self, layers, x):
        for layer in layers:
            kind, p = (layer, None) if isinstance(layer, str) else next(iter(layer.items()))
            x = getattr(self, kind)(x, p)
        return x

    def conv(self, x, p):
        total = p["dilation"] * (p["width"] - 1)
        pad = {"same": (total // 2, total - total // 2), "valid": (0, 0), "causal": (total, 0)}
        pad = pad[p["padding"]] if isinstance(p["padding"], str) else tuple(p["padding"]["explicit"].values())
        weight = self.parameter(f"{p['name']}.weight", p["width"], x.shape[-1] // p["groups"], p["filters"])
        bias = self.parameter(f"{p['name']}.bias", p["filters"])
        y = F.conv1d(F.pad(x.transpose(1, 2), pad), weight.permute(2, 1, 0), bias, stride=p.get("stride", 1),
                     dilation=p["dilation"], groups=p["groups"])
        return y.transpose(1, 2)

    def attention(self, x, p):
        name, heads = p["name"], p["heads"]
        q, k, v = (self.affine(f"{name}.{part}", x, p["inner"], p["project_bias"]) for part in ("query", "key", "value"))
        split = lambda t: t.unflatten(-1, (heads, -1)).transpose(1, 2)
        mixed = F.scaled_dot_product_attention(split(q), split(k), split(v)).transpose(1, 2).flatten(2)
        y = self.affine(f"{name}.output", mixed, p["channels"], p["output_bias"])
        if p["inner"] == p["channels"] == x.shape[-1] and p["project_bias"] and p["output_bias"]:
            torch.testing.assert_close(y, self.module(x, name, heads), rtol=1e-12, atol=1e-12)
        return y

    def module(self, x, name, heads):
        """The same by torch.nn.MultiheadAttention."""
        module = torch.nn.MultiheadAttention(x.shape[-1], heads, batch_first=True)
        parts = [f"{name}.{part}" for part in ("query", "key", "value")]
        state = {
            "in_proj_weight": torch.cat([self.parameters[f"{p}.weight"].T for p in parts]),
            "in_proj_bias": torch.cat([self.parameters[f"{p}.bias"] for p in parts]),
            "out_proj.weight": self.parameters[f"{name}.output.weight"].T,
            "out_proj.bias": self.parameters[f"{name}.output.bias"],
        }
        module.load_state_dict(state)
        return module(x, x, x, need_weights=False)[0]

    def dense(self, x, p):
        return self.affine(p["name"], x, p["units"], p["bias"])

    def layer_norm(self, x, p):
        width = x.shape[-1:]
        weight, bias = self.parameter(f"{p['name']}.weight", *width), self.parameter(f"{p['name']}.bias", *width)
        return F.layer_norm(x, width, weight, bias, p["epsilon"])

    def activation(self, x, p):
        return {"relu": F.relu, "gelu": F.gelu, "silu": F.silu}[p](x)

    def residual(self, x, p):
        return x + self.layers(p, x)

    def global_mean(self, x, _):
        return x.mean(1)


def numbers(t):
    return t.detach().flatten().tolist()


def case(name, length, layers):
    codes = torch.randint(0, 5, (N, length))
    # The one-hot rows of the codes, N a row of zeros.
    x = F.one_hot(codes, 5)[..., :4].double().requires_grad_()
    run = Run()
    y = run.layers(layers, x)
    upstream = torch.randn(y.shape).float().double()
    (y * upstream).sum().backward()
    return dict(
        name=name,
        length=length,
        graph=dict(layers=layers, style="torch"),
        codes=codes.flatten().tolist(),
        parameters={k: numbers(v) for k, v in run.parameters.items()},
        upstream=numbers(upstream),
        output=numbers(y),
        input_gradient=numbers(x.grad),
        gradients={k: numbers(v.grad) for k, v in run.parameters.items()},
    )


stem = [conv("stem", 4, 3), {"activation": "silu"}]
tokens = [
    conv("stem", 6, 5, stride=2), {"activation": "silu"},
    {"residual": [layer_norm("norm1"), attention("mix", 2, 6, 6)]},
    {"residual": [layer_norm("norm2"), dense("up", 8), {"activation": "gelu"}, dense("down", 6)]},
    conv("down2", 5, 4, stride=3, padding="causal"), {"activation": "silu"},
    "global_mean",
    dense("head", 2),
]
cases = [
    case("stride 2, same, even", 14, stem + [conv("a", 3, 3, stride=2)]),
    case("stride 2, same, odd, even kernel", 15, stem + [conv("a", 3, 4, stride=2)]),
    case("stride 3, valid", 16, stem + [conv("a", 3, 5, stride=3, padding="valid")]),
    case("stride 2, causal, dilated", 15, stem + [conv("a", 3, 3, stride=2, padding="causal", dilation=3)]),
    case("stride 3, explicit, grouped", 13, stem + [conv("a", 6, 3, stride=3, padding=explicit(1, 4), groups=2)]),
    case("stride 4 beyond the kernel", 17, stem + [conv("a", 3, 2, stride=4, padding="valid")]),
    case("stride 3 on codes", 16, [conv("a", 4, 5, stride=3, padding=explicit(3, 0))]),
    case("attention", 9, stem + [attention("mix", 2, 4, 4)]),
    case("attention of another width, without biases", 7, stem + [attention("mix", 3, 6, 5, False, False)]),
    case("a transformer block between strides", 21, tokens),
]
print(json.dumps(cases))
