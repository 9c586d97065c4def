"""What optimising a graph gives."""

from __future__ import annotations

from typing import NamedTuple

from archspec.shapes.typed import Typed


class Fold(NamedTuple):
    """The batch norm at `norm` becomes part of the convolution or linear layer at `into`: module paths."""

    into: str
    norm: str
    eps: float
    affine: bool
    bias: bool  # had the layer one before?


class Optimized(NamedTuple):
    """`typed`: the graph that is left. `idle`: paths of what does nothing in evaluation (dropout, identity), `dead` of
    what no output reads, `repeated` of what computes once more what another has. `before`, `after`: how many ops run.
    """

    typed: Typed
    folds: tuple[Fold, ...]
    idle: tuple[str, ...]
    dead: tuple[str, ...]
    repeated: tuple[str, ...]
    before: int
    after: int

    def words(self) -> list[str]:
        """What became of it, a line a kind."""
        lines = [f"{self.before:,} → {self.after:,} ops"]
        kinds = (
            (tuple(f"{fold.norm} into {fold.into}" for fold in self.folds), "batch norm folded", "batch norms folded"),
            (self.idle, "op that does nothing in evaluation removed", "ops that do nothing in evaluation removed"),
            (self.repeated, "op that was there twice removed", "ops that were there twice removed"),
            (self.dead, "op that no output reads removed", "ops that no output reads removed"),
        )
        for found, one, many in kinds:
            if found:
                some = ", ".join(found[:3]) + (", …" if len(found) > 3 else "")
                lines.append(f"{len(found):,} {one if len(found) == 1 else many}: {some}")
        return lines
