"""Generative networks, from their papers, in plain PyTorch."""

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812 - its usual name
from torch import Tensor, nn


class Generator(nn.Module):
    def __init__(self, noise: int, width: int, channels: int) -> None:
        super().__init__()
        sizes = [width * 8, width * 4, width * 2, width]
        layers: list[nn.Module] = []
        for i, (inputs, outputs) in enumerate(zip([noise, *sizes], sizes, strict=False)):
            stride, padding = (1, 0) if i == 0 else (2, 1)
            layers += [nn.ConvTranspose2d(inputs, outputs, 4, stride, padding, bias=False)]
            layers += [nn.BatchNorm2d(outputs), nn.ReLU()]
        self.main = nn.Sequential(*layers, nn.ConvTranspose2d(width, channels, 4, 2, 1, bias=False), nn.Tanh())

    def forward(self, z: Tensor) -> Tensor:
        return self.main(z)


class Discriminator(nn.Module):
    def __init__(self, width: int, channels: int) -> None:
        super().__init__()
        layers: list[nn.Module] = [nn.Conv2d(channels, width, 4, 2, 1, bias=False), nn.LeakyReLU(0.2)]
        for size in (width, width * 2, width * 4):
            layers += [nn.Conv2d(size, 2 * size, 4, 2, 1, bias=False), nn.BatchNorm2d(2 * size), nn.LeakyReLU(0.2)]
        self.main = nn.Sequential(*layers, nn.Conv2d(width * 8, 1, 4, 1, 0, bias=False), nn.Sigmoid())

    def forward(self, x: Tensor) -> Tensor:
        return self.main(x).flatten(1).squeeze(1)


class MaskedConv2d(nn.Conv2d):
    def __init__(self, kind: str, inputs: int, outputs: int, kernel: int) -> None:
        super().__init__(inputs, outputs, kernel, padding=kernel // 2)
        mask = torch.ones(kernel, kernel)
        mask[kernel // 2, kernel // 2 + (kind == "B") :] = 0
        mask[kernel // 2 + 1 :] = 0
        self.register_buffer("mask", mask)

    def forward(self, x: Tensor) -> Tensor:
        return F.conv2d(x, self.weight * self.mask, self.bias, padding=self.padding)


class PixelBlock(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(2 * width, width, 1)
        self.conv2 = MaskedConv2d("B", width, width, 3)
        self.conv3 = nn.Conv2d(width, 2 * width, 1)

    def forward(self, x: Tensor) -> Tensor:
        y = self.conv1(F.relu(x))
        y = self.conv2(F.relu(y))
        return x + self.conv3(F.relu(y))


class PixelCNN(nn.Module):
    def __init__(self, channels: int, width: int, depth: int, levels: int) -> None:
        super().__init__()
        self.stem = MaskedConv2d("A", channels, 2 * width, 7)
        self.blocks = nn.Sequential(*(PixelBlock(width) for _ in range(depth)))
        self.conv1 = MaskedConv2d("B", 2 * width, width, 1)
        self.head = nn.Conv2d(width, channels * levels, 1)
        self.levels = levels

    def forward(self, x: Tensor) -> Tensor:
        x = self.blocks(self.stem(x))
        x = self.head(F.relu(self.conv1(F.relu(x))))
        return x.unflatten(1, (self.levels, -1))
