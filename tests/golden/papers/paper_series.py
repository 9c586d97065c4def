"""Networks of time series, from their papers, in plain PyTorch."""

from __future__ import annotations

from itertools import pairwise

import torch
import torch.nn.functional as F  # noqa: N812 - its usual name
from torch import Tensor, nn
from torch.nn.utils.parametrizations import weight_norm


class TemporalBlock(nn.Module):
    def __init__(self, inputs: int, outputs: int, kernel: int, dilation: int) -> None:
        super().__init__()
        self.padding = (kernel - 1) * dilation
        self.conv1 = weight_norm(nn.Conv1d(inputs, outputs, kernel, padding=self.padding, dilation=dilation))
        self.conv2 = weight_norm(nn.Conv1d(outputs, outputs, kernel, padding=self.padding, dilation=dilation))
        self.dropout = nn.Dropout(0.2)
        self.downsample = nn.Conv1d(inputs, outputs, 1) if inputs != outputs else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        y = self.dropout(F.relu(self.conv1(x)[..., : x.shape[-1]]))
        y = self.dropout(F.relu(self.conv2(y)[..., : x.shape[-1]]))
        return F.relu(y + self.downsample(x))


class TCN(nn.Module):
    def __init__(self, inputs: int, channels: list[int], kernel: int, outputs: int) -> None:
        super().__init__()
        widths = zip([inputs, *channels], channels, strict=False)
        self.network = nn.Sequential(*(TemporalBlock(a, b, kernel, 2**i) for i, (a, b) in enumerate(widths)))
        self.linear = nn.Linear(channels[-1], outputs)

    def forward(self, x: Tensor) -> Tensor:
        return self.linear(self.network(x.transpose(1, 2))[..., -1])


class NBeatsBlock(nn.Module):
    def __init__(self, context: int, horizon: int, width: int, depth: int, basis: int | None) -> None:
        super().__init__()
        sizes = [context] + [width] * depth
        self.fc = nn.ModuleList(nn.Linear(a, b) for a, b in pairwise(sizes))
        self.theta = nn.Linear(width, 2 * basis if basis else context + horizon, bias=False)
        self.basis = basis
        if basis is not None:
            time = torch.arange(context + horizon) / (context + horizon)
            self.register_buffer("powers", torch.stack([time**k for k in range(basis)]), persistent=False)
        self.context = context

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        for fc in self.fc:
            x = F.relu(fc(x))
        theta = self.theta(x)
        if self.basis is None:
            return theta[:, : self.context], theta[:, self.context :]
        back, ahead = theta.chunk(2, dim=-1)
        return back @ self.powers[:, : self.context], ahead @ self.powers[:, self.context :]


class NBeats(nn.Module):
    def __init__(self, context: int, horizon: int, width: int, depth: int, bases: list[int | None]) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(NBeatsBlock(context, horizon, width, depth, basis) for basis in bases)
        self.horizon = horizon

    def forward(self, x: Tensor) -> Tensor:
        forecast = x.new_zeros(len(x), self.horizon)
        for block in self.blocks:
            back, ahead = block(x)
            x = x - back
            forecast = forecast + ahead
        return forecast


class DLinear(nn.Module):
    def __init__(self, context: int, horizon: int, kernel: int) -> None:
        super().__init__()
        self.kernel = kernel
        self.Linear_Seasonal = nn.Linear(context, horizon)
        self.Linear_Trend = nn.Linear(context, horizon)

    def forward(self, x: Tensor) -> Tensor:
        x = x.transpose(1, 2)
        padded = F.pad(x, (self.kernel // 2, self.kernel // 2), mode="replicate")
        trend = F.avg_pool1d(padded, self.kernel, stride=1)
        return (self.Linear_Seasonal(x - trend) + self.Linear_Trend(trend)).transpose(1, 2)


class MixerLayer(nn.Module):
    def __init__(self, context: int, channels: int, hidden: int) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm([context, channels])
        self.time = nn.Linear(context, context)
        self.norm2 = nn.LayerNorm([context, channels])
        self.fc1 = nn.Linear(channels, hidden)
        self.fc2 = nn.Linear(hidden, channels)
        self.dropout = nn.Dropout(0.1)

    def forward(self, x: Tensor) -> Tensor:
        y = F.relu(self.time(self.norm1(x).transpose(1, 2))).transpose(1, 2)
        x = x + self.dropout(y)
        y = self.dropout(F.relu(self.fc1(self.norm2(x))))
        return x + self.dropout(self.fc2(y))


class TSMixer(nn.Module):
    def __init__(self, context: int, horizon: int, channels: int, hidden: int, depth: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(*(MixerLayer(context, channels, hidden) for _ in range(depth)))
        self.head = nn.Linear(context, horizon)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.layers(x).transpose(1, 2)).transpose(1, 2)
