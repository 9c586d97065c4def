"""An op that says it never has a module or tensor of its own has none, for any of its examples."""

from __future__ import annotations

import pytest
from harness import arguments, padded, types_of

from archspec.codegen.plan import needs_attribute
from archspec.ops.registry import all_ops

BARE = sorted(name for name, op in all_ops().items() if op.bare())


def test_some_are() -> None:
    assert {"relu", "add", "tanh", "einsum"} <= set(BARE)
    assert not {"linear", "dropout", "parameter", "arange", "lstm_cell"} & set(BARE)


@pytest.mark.parametrize("name", BARE)
def test_no_attribute(name: str) -> None:
    cls = all_ops()[name]
    for example in cls.examples:
        op = cls.parse(arguments(cls, example.args))
        types = padded(cls, types_of(example.inputs))
        assert op.state(*types) == ()
        assert not needs_attribute(op.forward(*types))
