"""Sharded data: samples by number out of many files, with an order that keeps the pieces in use few.

The order of an epoch is a function of (seed, epoch) alone: pieces in random order, in windows of some samples, and
random within a window. So a position is all that resuming takes, any number of processes can share a batch, and no more
than a window of pieces is open at once.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from archspec.data.arrays import as_field
from archspec.data.errors import reported
from archspec.data.pieces import Opened, Piece, open_piece, pieces_of
from archspec.diagnostics.model import Span
from archspec.recipe.files import MAX_ARRAY, DataError
from archspec.recipe.model import DataFacts, Field
from archspec.recipe.shards import shard_files, shard_shapes
from archspec.recipe.shards_kind import Shards


class Order:
    """The numbers of the samples of an epoch, in the order they come: `order[first:last]` is int64[last - first].

    `sizes`: samples of each piece, `weights`: bytes of each. A window is of pieces with `shuffle` samples, or `room`
    bytes, together. Nothing is kept but the order of the pieces and the window last used.
    """

    def __init__(self, sizes: np.ndarray, weights: np.ndarray, shuffle: int, room: int, seed: int, epoch: int) -> None:
        self._seed = (seed * 0x9E3779B97F4A7C15 + epoch) % 2**63
        self._pieces = torch.randperm(len(sizes), generator=torch.Generator().manual_seed(self._seed)).numpy()
        self._starts = np.concatenate([[0], np.cumsum(sizes)])  # of each piece, among the numbers
        self._sizes = sizes
        # Windows: the first piece of each, and how many samples come before it.
        firsts, before, samples, bytes_ = [0], [0], 0, 0
        total = 0
        for k, piece in enumerate(self._pieces):
            if samples and (samples + sizes[piece] > shuffle or bytes_ + weights[piece] > room):
                firsts.append(k)
                before.append(total)
                samples = bytes_ = 0
            samples += int(sizes[piece])
            bytes_ += int(weights[piece])
            total += int(sizes[piece])
        self._firsts = [*firsts, len(self._pieces)]
        self._before = np.array([*before, total])
        self._window: tuple[int, Tensor] | None = None

    def __getitem__(self, part: slice) -> Tensor:
        first, last, _ = part.indices(int(self._before[-1]))
        window = int(np.searchsorted(self._before, first, side="right")) - 1
        out = []
        while first < last:
            end = min(last, int(self._before[window + 1]))
            start = int(self._before[window])
            out.append(self._mixed(window)[first - start : end - start])
            first, window = end, window + 1
        return torch.cat(out) if out else torch.empty(0, dtype=torch.int64)

    def _mixed(self, window: int) -> Tensor:
        if self._window is None or self._window[0] != window:
            pieces = self._pieces[self._firsts[window] : self._firsts[window + 1]]
            numbers = torch.from_numpy(
                np.concatenate([np.arange(self._starts[p], self._starts[p] + self._sizes[p]) for p in pieces])
            )
            generator = torch.Generator().manual_seed((self._seed ^ (0x5851F42D4C957F2D * (window + 1))) % 2**63)
            self._window = window, numbers[torch.randperm(len(numbers), generator=generator)]
        return self._window[1]


class ShardSplit:
    """Samples of pieces of shards. `held`: how many at the end of each piece are not of this split, or with `rest`
    those alone. `take` raises SpecError (AS504, at `span`) for what cannot be read."""

    def __init__(
        self,
        pieces: Sequence[Piece],
        held: np.ndarray,
        kind: Shards,
        facts: DataFacts,
        span: Span,
        *,
        rest: bool = False,
    ) -> None:
        rows = np.array([piece.rows for piece in pieces], dtype=np.int64)
        self.pieces = list(pieces)
        self.kind = kind
        self.fields = facts.fields
        self.span = span
        self._sizes = held if rest else rows - held
        self._offsets = rows - held if rest else np.zeros_like(rows)
        self._ends = np.cumsum(self._sizes)
        self._weights = np.array([piece.nbytes for piece in pieces], dtype=np.int64)
        self._room = kind.memory * 2**20
        self._open: OrderedDict[int, Opened] = OrderedDict()
        self._used = 0
        self._columns = kind.columns({field.name: ("f", ()) for field in facts.fields})

    def __len__(self) -> int:
        return int(self._ends[-1]) if len(self._ends) else 0

    def __getstate__(self) -> dict[str, object]:
        return {**self.__dict__, "_open": OrderedDict(), "_used": 0}  # open files stay in their process

    def order(self, seed: int, epoch: int) -> Order:
        """The order of an epoch."""
        return Order(self._sizes, self._weights, self.kind.shuffle, self._room // 2, seed, epoch)

    def take(self, indices: Tensor) -> dict[str, Tensor]:
        numbers = indices.numpy()
        pieces = np.searchsorted(self._ends, numbers, side="right")
        out: dict[str, Tensor] = {}
        with reported(self.span):
            for piece in np.unique(pieces):
                where = np.flatnonzero(pieces == piece)
                rows = numbers[where] - (self._ends[piece] - self._sizes[piece]) + self._offsets[piece]
                for name, tensor in self._fields(int(piece), rows).items():
                    if name not in out:
                        out[name] = torch.empty((len(numbers), *tensor.shape[1:]), dtype=tensor.dtype)
                    out[name][torch.from_numpy(where)] = tensor
        return out

    def _fields(self, piece: int, rows: np.ndarray) -> dict[str, Tensor]:
        path = self.pieces[piece].path
        columns = self._opened(piece).rows(rows)
        out = {}
        for field in self.fields:
            parts = []
            for name in self._columns[field.name]:
                if name not in columns:
                    raise DataError(f"it has no column `{name}`", path)
                parts.append(columns[name])
            array = parts[0] if len(parts) == 1 else np.concatenate([p.reshape(len(p), -1) for p in parts], axis=1)
            out[field.name] = as_field(array, field, self.kind, path)
        return out

    def _opened(self, piece: int) -> Opened:
        """A piece, opened; those that were not used for longest are closed where there is no more room."""
        if piece in self._open:
            self._open.move_to_end(piece)
            return self._open[piece]
        self._used += int(self._weights[piece])
        while self._open and (self._used > self._room or len(self._open) >= MAX_OPEN):
            gone, _ = self._open.popitem(last=False)
            self._used -= int(self._weights[gone])
        columns = {name for names in self._columns.values() for name in names}
        self._open[piece] = open_piece(self.pieces[piece], columns, self.kind)
        return self._open[piece]


MAX_OPEN = 64  # pieces


def open_shards(kind: Shards, facts: DataFacts, base: Path, span: Span) -> tuple[ShardSplit, ShardSplit]:
    """The samples to train on and those held out. Every shard's header is read. Raises DataError."""
    pieces = _pieces(kind, facts, base / kind.path, "path")
    rows = np.array([piece.rows for piece in pieces], dtype=np.int64)
    if kind.validation is not None:
        held = _pieces(kind, facts, base / kind.validation, "validation")
        none = np.zeros(len(held), dtype=np.int64)
        train = ShardSplit(pieces, np.zeros_like(rows), kind, facts, span)
        return train, ShardSplit(held, none, kind, facts, span)
    share = np.round(rows * kind.holdout).astype(np.int64)
    if not 0 < share.sum() < rows.sum():
        message = f"{int(rows.sum())} samples in {len(rows)} pieces are too few to hold out {kind.holdout:g} of each"
        raise DataError(message, base / kind.path, argument="path")
    return ShardSplit(pieces, share, kind, facts, span), ShardSplit(pieces, share, kind, facts, span, rest=True)


def read_shards(kind: Shards, wanted: Sequence[Field], path: Path, span: Span) -> dict[str, Tensor]:
    """These fields of all samples of a file (a folder, a pattern), whole: {field: tensor [n, ...]}.

    Other fields of the training data, the label say, need not be there. Raises DataError, and SpecError (AS504, at
    `span`) for what is found wrong as values are read.
    """
    names = [field.name for field in wanted]
    given = {
        "path": str(path),
        "fields": {name: list((kind.fields or {}).get(name, (name,))) for name in names},
        "divide": {name: by for name, by in kind.divide.items() if name in names},
        "channels": kind.channels,
    }
    only = Shards.parse(given | ({"size": list(kind.size)} if kind.size is not None else {}))
    facts = DataFacts(tuple(wanted), None)
    pieces = _pieces(only, facts, path, "path", "the training data")
    split = ShardSplit(pieces, np.zeros(len(pieces), dtype=np.int64), only, facts, span)
    if not len(split):
        raise DataError("it has no samples", path)
    for field in wanted:
        if len(split) * math.prod(field.shape) * 8 > MAX_ARRAY:
            raise DataError(f"{len(split):,} samples are too many at once: `{field.name}` is too large", path)
    return split.take(torch.arange(len(split)))


def _pieces(kind: Shards, facts: DataFacts, path: Path, argument: str, of: str = "the first shard") -> list[Piece]:
    """The pieces of all shards there. `of`: what their fields are held against."""
    wanted = [field[:3] for field in facts.fields]
    out: list[Piece] = []
    for file in shard_files(path, argument):
        shapes = shard_shapes(file, kind.size, kind.depth, argument)
        fields = kind.fields_of(shapes, file, argument)
        if [field[:3] for field in fields] != wanted:
            listed = ", ".join(f"`{field.name}` {field}" for field in fields)
            raise DataError(f"its fields are not those of {of}: {listed}", file, argument=argument)
        columns = {name for names in kind.columns(shapes).values() for name in names}
        out += [piece for piece in pieces_of(file, columns, argument) if piece.rows]
    return out
