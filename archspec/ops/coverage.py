"""What of PyTorch's namespaces is an op, under which name, and why the rest is none.

A counterpart of an op, and a function of an op's own name, need no entry in `coverage_names.py`.
"""

from __future__ import annotations

from fnmatch import fnmatchcase

from archspec.ops.coverage_names import NOT_OPS, SAID_BY
from archspec.ops.registry import all_ops

__all__ = ["NAMESPACES", "NOT_OPS", "SAID_BY", "reason", "said_by"]

NAMESPACES = ("torch.nn", "torch.nn.functional", "torch", "torch.fft", "torch.linalg", "torch.special")


def _matches(name: str, patterns: str) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns.split())


def said_by(namespace: str, name: str) -> str | None:
    """The op that says what `namespace.name` says; None if there is none."""
    for op, patterns in SAID_BY[namespace].items():
        if _matches(name, patterns):
            return op
    for op_name, cls in all_ops().items():
        if cls.counterpart == f"{namespace}.{name}":
            return op_name
    functions = namespace != "torch.nn"
    return name if functions and name in all_ops() and reason(namespace, name) is None else None


def reason(namespace: str, name: str) -> str | None:
    """Why `namespace.name` is no op; None if nothing is said of it."""
    return next((why for why, patterns in NOT_OPS[namespace].items() if _matches(name, patterns)), None)
