"""What two models differ in, as plain data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

ADDED, REMOVED, CHANGED, MOVED, RESHAPED = STATUSES = ("added", "removed", "changed", "moved", "reshaped")


class Change(NamedTuple):
    """`what`: an argument, `op`, `reads`, `output`, …"""

    what: str
    before: str
    after: str


class NodeChange(NamedTuple):
    """A step that only one model has, or that is not the same in both.

    `status`: of STATUSES; a step that has moved may have changed too, and one is `reshaped` whose result alone has
    another type. `path`: of its module in the second model (the first, if removed; both paths of a step that has no
    module are made up). `before`: its path in the first model, where that is another one. `times`: how many equal
    turns of repeats it stands for. `depth`: how many modules it stands in. `outputs`: types in the model, or models,
    that have it. `parameters`: before and after, of all turns.
    """

    status: str
    path: str
    before: str | None
    kind: str
    times: int
    depth: int
    changes: tuple[Change, ...]
    outputs: tuple[str, ...]
    parameters: tuple[int, int]


class Reshaped(NamedTuple):
    name: str
    before: tuple[int, ...]
    after: tuple[int, ...]


class Weights(NamedTuple):
    """What becomes of the first model's `state_dict` in the second one; every name of it is in one of these.

    `equal`: loads as it is: name and shape are there. `renamed`: {name: its name now}. `reshaped`: there in another
    shape, so `load_state_dict` refuses it. `lost`: there is nothing for it. `misplaced`: {name: the name of what it
    was}: the name and shape are there, but of another layer, so that loading it would be silent and wrong.
    `new`: names that only the second model has, of those that no other one is renamed to.
    """

    equal: tuple[str, ...]
    renamed: Mapping[str, str]
    reshaped: tuple[Reshaped, ...]
    lost: tuple[str, ...]
    misplaced: Mapping[str, str]
    new: tuple[str, ...]

    @property
    def total(self) -> int:
        """How many entries the first model's `state_dict` has."""
        return len(self.equal) + len(self.renamed) + len(self.reshaped) + len(self.lost) + len(self.misplaced)

    @property
    def same(self) -> bool:
        return len(self.equal) == self.total and not self.new


class Side(NamedTuple):
    """One of the two models. `flops`: a number where the sizes are known, else a formula; None where that is too long.

    `sizes`: those that FLOPs are counted at; `symbols`: all that they depend on.
    """

    file: str
    name: str
    parameters: int
    flops: int | str | None
    sizes: Mapping[str, int]
    symbols: tuple[str, ...]
    inputs: Mapping[str, str]
    outputs: Mapping[str, str]
    requirements: tuple[str, ...]


class Comparison(NamedTuple):
    a: Side
    b: Side
    nodes: tuple[NodeChange, ...]
    weights: Weights

    @property
    def same(self) -> bool:
        """Do both compute the same, from and to the same, by weights of the same names?"""
        return (
            not self.nodes
            and self.weights.same
            and list(self.a.inputs.items()) == list(self.b.inputs.items())
            and list(self.a.outputs.items()) == list(self.b.outputs.items())
            and set(self.a.requirements) == set(self.b.requirements)
        )
