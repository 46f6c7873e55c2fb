"""PyTorch twins of the networks of `nets.rs`.

Two variants each: `ncl` (Conv1d, input [N, 4, L]: what people write) and `nhwc` (Conv2d of height 1 in the channels_last memory
format: the fastest CPU path of PyTorch seen here; input [N, 4, 1, L]). Modules are named as the layers of `nets.rs`.
"""
import torch
import torch.nn as nn
import torch.nn.functional as F


class Ops:
    """Convolution, batch norm and pooling in the chosen variant."""

    def __init__(self, variant):
        self.two_d = variant == "nhwc"
        self.norm = nn.BatchNorm2d if self.two_d else nn.BatchNorm1d

    def conv(self, c_in, c_out, taps, dilation=1, bias=True, valid=False):
        """Convolution with an odd kernel; the length stays unless `valid`."""
        pad = 0 if valid else dilation * (taps // 2)
        if self.two_d:
            return nn.Conv2d(c_in, c_out, (1, taps), padding=(0, pad), dilation=(1, dilation), bias=bias)
        return nn.Conv1d(c_in, c_out, taps, padding=pad, dilation=dilation, bias=bias)

    def max_pool(self, x, k):
        """Adjacent windows along the sequence."""
        return F.max_pool2d(x, (1, k)) if self.two_d else F.max_pool1d(x, k)

    def mean(self, x):
        """Mean over positions: [N, C]."""
        return x.mean((2, 3)) if self.two_d else x.mean(2)

    def positions(self, x):
        """[N, L, C]."""
        return (x.squeeze(2) if self.two_d else x).transpose(1, 2)

    def channels(self, x):
        """From [N, L, C]."""
        x = x.transpose(1, 2)
        return x.unsqueeze(2) if self.two_d else x


class DeepSTARR(nn.Module):
    """Four conv blocks (BN eps 1e-3, momentum 0.01; ReLU; max-pool 2), two dense blocks, two outputs."""

    LENGTH, BATCH = 249, (128, 512)
    SHAPES = [(4, 256, 7), (256, 60, 3), (60, 60, 5), (60, 120, 3)]
    # Flattened by channels here and by positions there: (layer, channels, positions).
    FLAT = ("dense0", 120, 15)

    def __init__(self, variant):
        super().__init__()
        self.ops = o = Ops(variant)
        bn = dict(eps=1e-3, momentum=0.01)
        for i, shape in enumerate(self.SHAPES):
            self.add_module(f"conv{i}", o.conv(*shape))
            self.add_module(f"norm{i}", o.norm(shape[1], **bn))
        self.dense0, self.dense_norm0 = nn.Linear(1800, 256), nn.BatchNorm1d(256, **bn)
        self.dense1, self.dense_norm1 = nn.Linear(256, 256), nn.BatchNorm1d(256, **bn)
        self.out = nn.Linear(256, 2)

    def forward(self, x):
        for i in range(4):
            conv, norm = getattr(self, f"conv{i}"), getattr(self, f"norm{i}")
            x = self.ops.max_pool(F.relu(norm(conv(x))), 2)
        x = x.flatten(1)
        x = F.dropout(F.relu(self.dense_norm0(self.dense0(x))), 0.4, self.training)
        x = F.dropout(F.relu(self.dense_norm1(self.dense1(x))), 0.4, self.training)
        return self.out(x)


class ResidualBind(nn.Module):
    """Conv 19, a residual block of 1 + `dilated` convolutions, conv 7, position-wise dense, mean, dense."""

    LENGTH, BATCH = 230, (128, 512)

    def __init__(self, variant, dilated):
        super().__init__()
        self.ops, self.dilated = Ops(variant), dilated
        o, c = self.ops, 196
        self.conv1, self.norm1 = o.conv(4, c, 19), o.norm(c)
        for i in range(dilated + 1):
            self.add_module(f"block{i}", o.conv(c, c, 3, 2 ** max(i - 1, 0), bias=False))
            self.add_module(f"block_norm{i}", o.norm(c))
        self.conv2, self.norm2 = o.conv(c, 256, 7), o.norm(256)
        self.dense1, self.norm3 = o.conv(256, 256, 1), o.norm(256)
        self.dense2, self.norm4 = nn.Linear(256, 256), nn.BatchNorm1d(256)
        self.out = nn.Linear(256, 1)

    def forward(self, x):
        t, o = self.training, self.ops
        x = F.dropout(F.silu(self.norm1(self.conv1(x))), 0.2, t)
        n = self.block_norm0(self.block0(x))
        for i in range(1, self.dilated + 1):
            conv, norm = getattr(self, f"block{i}"), getattr(self, f"block_norm{i}")
            n = norm(conv(F.dropout(F.relu(n), 0.1, t)))
        x = o.max_pool(F.dropout(F.relu(x + n), 0.2, t), 5)
        x = F.dropout(F.silu(self.norm2(self.conv2(x))), 0.2, t)
        x = o.max_pool(x, 5)
        x = o.mean(F.dropout(F.silu(self.norm3(self.dense1(x))), 0.5, t))
        x = F.dropout(F.silu(self.norm4(self.dense2(x))), 0.5, t)
        return self.out(x)


class BPNet(nn.Module):
    """Conv 21, eight dilated residual convolutions, a 75-wide profile head (1000 positions) and a count head."""

    LENGTH, BATCH = 2114, (64, 64)

    def __init__(self, variant):
        super().__init__()
        self.ops = o = Ops(variant)
        self.stem = o.conv(4, 64, 21)
        for i in range(1, 9):
            self.add_module(f"dilated{i}", o.conv(64, 64, 3, 2**i))
        self.profile, self.count = o.conv(64, 1, 75, valid=True), nn.Linear(64, 1)

    def forward(self, x):
        x = F.relu(self.stem(x))
        for i in range(1, 9):
            x = x + F.relu(getattr(self, f"dilated{i}")(x))
        x = x[..., 520:-520]
        return torch.cat([self.profile(x).flatten(1), self.count(self.ops.mean(x))], 1)


class DreamRNN(nn.Module):
    """Two convolutions side by side, a bidirectional LSTM of 320 units, two convolutions side by side, conv 1, mean, dense."""

    LENGTH, BATCH = 249, (128, 512)

    def __init__(self, variant):
        super().__init__()
        self.ops = o = Ops(variant)
        self.first_9, self.first_15 = o.conv(4, 160, 9), o.conv(4, 160, 15)
        self.lstm = nn.LSTM(320, 320, batch_first=True, bidirectional=True)
        self.core_9, self.core_15 = o.conv(640, 160, 9), o.conv(640, 160, 15)
        self.last, self.out = o.conv(320, 256, 1), nn.Linear(256, 1)

    def side_by_side(self, x, *convs):
        return torch.cat([F.dropout(F.relu(c(x)), 0.2, self.training) for c in convs], 1)

    def forward(self, x):
        x = self.side_by_side(x, self.first_9, self.first_15)
        x = self.ops.channels(self.lstm(self.ops.positions(x))[0])
        x = F.dropout(self.side_by_side(x, self.core_9, self.core_15), 0.5, self.training)
        return self.out(self.ops.mean(self.last(x)))


NETS = {
    "deepstarr": DeepSTARR,
    "residualbind3": lambda variant: ResidualBind(variant, 3),
    "residualbind5": lambda variant: ResidualBind(variant, 5),
    "bpnet": BPNet,
    "dream_rnn": DreamRNN,
}


def one_hot(codes, variant):
    """Float one-hot of base codes [N, L] in the layout of the variant; code 4 (N) is all zero."""
    x = F.one_hot(codes.long(), 5)[..., :4].permute(0, 2, 1).float().contiguous()
    return x.unsqueeze(2).contiguous(memory_format=torch.channels_last) if variant == "nhwc" else x


def load(model, tensors):
    """Sets the parameters of a twin from ours by name: `{"conv1.weight": array [K, C_in, C_out], ...}`."""
    ours = {name: torch.as_tensor(value) for name, value in tensors.items()}
    flat = getattr(model, "FLAT", None)
    with torch.no_grad():
        for name, module in model.named_modules():
            if isinstance(module, nn.LSTM):
                for direction, end in (("forward", ""), ("backward", "_reverse")):
                    take = lambda part: ours.pop(f"{name}.{direction}.{part}")
                    getattr(module, f"weight_ih_l0{end}").copy_(take("weight").T)
                    getattr(module, f"weight_hh_l0{end}").copy_(take("recurrent").T)
                    getattr(module, f"bias_ih_l0{end}").copy_(take("bias"))
                    getattr(module, f"bias_hh_l0{end}").zero_()
                continue
            for part in ("weight", "bias", "running_mean", "running_var"):
                target = getattr(module, part, None)
                if not isinstance(target, torch.Tensor):
                    continue
                value = ours.pop(f"{name}.{part}")
                if part == "weight" and isinstance(module, (nn.Conv1d, nn.Conv2d, nn.Linear)):
                    if flat and name == flat[0]:
                        value = value.reshape(flat[2], flat[1], -1).transpose(0, 1).reshape(value.shape)
                    value = value.permute(*reversed(range(value.dim())))
                target.copy_(value.reshape(target.shape))
    if ours:
        raise ValueError(f"no place in the twin for {sorted(ours)}")
