"""Every public name of PyTorch's that can stand in a forward pass is an op, or has a reason not to be one."""

from __future__ import annotations

import inspect
from fnmatch import fnmatchcase
from typing import Any

import pytest
import torch
import torch.nn.functional as F  # noqa: N812 - as everyone names it
import torch.signal.windows
from torch import nn

from archspec.ops.coverage import NAMESPACES, NOT_OPS, SAID_BY, reason, said_by
from archspec.ops.registry import all_ops

MODULES: dict[str, Any] = {
    "torch.nn": nn,
    "torch.nn.functional": F,
    "torch": torch,
    "torch.fft": torch.fft,
    "torch.linalg": torch.linalg,
    "torch.special": torch.special,
    "torch.signal.windows": torch.signal.windows,
    "torch.Tensor": torch.Tensor,
    "torch.nn.utils": nn.utils,
    "torch.nn.utils.rnn": nn.utils.rnn,
}


def public(namespace: str) -> list[str]:
    """Classes and functions of torch.nn; functions of the other namespaces, not the types they import."""
    module = MODULES[namespace]
    if namespace in ("torch.signal.windows", "torch.nn.utils", "torch.nn.utils.rnn"):
        return [name for name in module.__all__ if not inspect.ismodule(getattr(module, name))]
    found = [(name, getattr(module, name)) for name in dir(module) if not name.startswith("_")]
    if module is nn:
        return [name for name, value in found if inspect.isclass(value) or inspect.isroutine(value)]
    if module is torch.Tensor:  # what is a function as well is looked for there
        return [n for n, v in found if callable(v) and not callable(getattr(torch, n, None))]
    if not namespace.startswith("torch.nn"):  # builtins of C++, functions written in Python, and operators
        return [n for n, v in found if callable(v) and not inspect.isclass(v) and not inspect.ismodule(v)]
    ours = [(name, value) for name, value in found if inspect.isroutine(value)]
    return [name for name, value in ours if not (getattr(value, "__module__", "") or "").startswith("typing")]


@pytest.mark.parametrize("namespace", NAMESPACES)
def test_every_name_is_an_op_or_has_a_reason(namespace: str) -> None:
    open_names = [n for n in public(namespace) if said_by(namespace, n) is None and reason(namespace, n) is None]
    assert not open_names


@pytest.mark.parametrize("namespace", NAMESPACES)
def test_no_name_has_both(namespace: str) -> None:
    both = [n for n in public(namespace) if said_by(namespace, n) and reason(namespace, n)]
    assert not both


@pytest.mark.parametrize("namespace", NAMESPACES)
def test_what_is_said_names_ops(namespace: str) -> None:
    assert set(SAID_BY[namespace]) <= set(all_ops())


@pytest.mark.skipif(not torch.__version__.startswith("2.13"), reason="names come and go with PyTorch's versions")
@pytest.mark.parametrize("namespace", NAMESPACES)
def test_no_entry_is_stale(namespace: str) -> None:
    names = public(namespace)
    patterns = [p for table in (SAID_BY, NOT_OPS) for entry in table[namespace].values() for p in entry.split()]
    assert not [p for p in patterns if not any(fnmatchcase(n, p) for n in names)]


def test_counterparts_exist() -> None:
    """What an op calls its counterpart is a name of PyTorch's."""
    for name, cls in all_ops().items():
        if cls.counterpart.startswith("torch."):
            value: Any = torch
            for part in cls.counterpart.split(".")[1:]:
                value = getattr(value, part, None)
            assert value is not None, (name, cls.counterpart)
