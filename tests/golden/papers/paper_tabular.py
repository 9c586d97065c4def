"""Networks of tables and recommendation, from their papers, in plain PyTorch."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn


def mlp(sizes: list[int]) -> nn.Sequential:
    layers: list[nn.Module] = []
    for inputs, outputs in pairwise(sizes):
        layers += [nn.Linear(inputs, outputs), nn.ReLU()]
    return nn.Sequential(*layers)


class DLRM(nn.Module):
    def __init__(self, dense: int, tables: list[int], dim: int, bottom: list[int], top: list[int]) -> None:
        super().__init__()
        self.emb_l = nn.ModuleList(nn.Embedding(rows, dim) for rows in tables)
        self.bot_l = mlp([dense, *bottom, dim])
        count = len(tables) + 1
        rows, columns = torch.tril_indices(count, count, offset=-1)
        self.register_buffer("pairs", rows * count + columns, persistent=False)
        self.top_l = mlp([dim + count * (count - 1) // 2, *top])
        self.head = nn.Linear(top[-1], 1)

    def forward(self, dense: Tensor, sparse: Tensor) -> Tensor:
        x = self.bot_l(dense)
        all_ = torch.stack([x, *(table(sparse[:, k]) for k, table in enumerate(self.emb_l))], dim=1)
        products = (all_ @ all_.transpose(1, 2)).flatten(1)[:, self.pairs]
        return self.head(self.top_l(torch.cat([x, products], dim=1))).squeeze(1)


class DeepFM(nn.Module):
    def __init__(self, tables: list[int], dim: int, hidden: list[int]) -> None:
        super().__init__()
        self.linear = nn.ModuleList(nn.Embedding(rows, 1) for rows in tables)
        self.embedding = nn.ModuleList(nn.Embedding(rows, dim) for rows in tables)
        self.bias = nn.Parameter(torch.zeros(1))
        self.mlp = mlp([len(tables) * dim, *hidden])
        self.head = nn.Linear(hidden[-1], 1)

    def forward(self, x: Tensor) -> Tensor:
        first = torch.stack([table(x[:, k]) for k, table in enumerate(self.linear)], dim=1).sum(dim=1)
        v = torch.stack([table(x[:, k]) for k, table in enumerate(self.embedding)], dim=1)
        second = 0.5 * (v.sum(dim=1).square() - v.square().sum(dim=1)).sum(dim=1, keepdim=True)
        deep = self.head(self.mlp(v.flatten(1)))
        return (self.bias + first + second + deep).squeeze(1)


class WideAndDeep(nn.Module):
    def __init__(self, wide: int, dense: int, tables: list[int], dim: int, hidden: list[int]) -> None:
        super().__init__()
        self.wide = nn.EmbeddingBag(wide, 1, mode="sum")
        self.embedding = nn.ModuleList(nn.Embedding(rows, dim) for rows in tables)
        self.deep = mlp([dense + len(tables) * dim, *hidden])
        self.head = nn.Linear(hidden[-1], 1)

    def forward(self, crossed: Tensor, dense: Tensor, sparse: Tensor) -> Tensor:
        vectors = [table(sparse[:, k]) for k, table in enumerate(self.embedding)]
        deep = self.head(self.deep(torch.cat([dense, *vectors], dim=1)))
        return (self.wide(crossed) + deep).squeeze(1)


class TabTransformer(nn.Module):
    def __init__(
        self, tables: list[int], dense: int, dim: int, heads: int, depth: int, hidden: list[int], classes: int
    ) -> None:
        super().__init__()
        self.embedding = nn.ModuleList(nn.Embedding(rows, dim) for rows in tables)
        self.column = nn.Parameter(torch.zeros(len(tables), dim))
        self.layers = nn.ModuleList(
            nn.TransformerEncoderLayer(dim, heads, 4 * dim, 0.1, "gelu", batch_first=True) for _ in range(depth)
        )
        self.norm = nn.LayerNorm(dense)
        self.mlp = mlp([len(tables) * dim + dense, *hidden])
        self.head = nn.Linear(hidden[-1], classes)

    def forward(self, categories: Tensor, numbers: Tensor) -> Tensor:
        x = torch.stack([table(categories[:, k]) for k, table in enumerate(self.embedding)], dim=1) + self.column
        for layer in self.layers:
            x = layer(x)
        return self.head(self.mlp(torch.cat([x.flatten(1), self.norm(numbers)], dim=1)))
