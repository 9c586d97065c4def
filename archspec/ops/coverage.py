"""What of PyTorch's namespaces is an op, under which name, and why the rest is none.

A counterpart of an op, and a function of an op's own name, need no entry in `coverage_names.py`.
"""

from __future__ import annotations

import re
from fnmatch import translate
from functools import cache

from archspec.ops.coverage_names import NOT_OPS, SAID_BY
from archspec.ops.registry import all_ops

__all__ = ["NAMESPACES", "NOT_OPS", "SAID_BY", "of_this_name", "reason", "refused", "said", "said_by"]

# In the order in which a name is looked for. `torch.Tensor`: methods that are no functions of `torch`, too.
NAMESPACES = (
    "torch.nn",
    "torch.nn.functional",
    "torch",
    "torch.fft",
    "torch.linalg",
    "torch.special",
    "torch.signal.windows",
    "torch.Tensor",
    "torch.nn.utils",
    "torch.nn.utils.rnn",
)


def _matches(name: str, patterns: str) -> bool:
    return _compiled(patterns).match(name) is not None


@cache
def _compiled(patterns: str) -> re.Pattern[str]:
    """Any of the shell patterns, which blanks separate."""
    return re.compile("|".join(translate(pattern) for pattern in patterns.split()))


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


def of_this_name(name: str) -> list[str]:
    """The ops that a name means but for its style: `Conv2d`, `nn.ReLU` or `F.logsigmoid`."""
    own, counterparts = _indexed()
    plain = _squeeze(_bare(name))
    return own.get(plain) or counterparts.get(plain) or []


def said(name: str) -> str | None:
    """In words, which op says what PyTorch has under this name."""
    for space, word in _places(name):
        op = said_by(space, word)
        if op is not None and word in all_ops():
            return f"it is called `{word}`"
        if op is not None:
            like = ": {like: …}" if word.endswith("_like") else ""
            return f"PyTorch's `{space}.{word}` is `{op}{like}`"
    return None


def refused(name: str) -> str | None:
    """In words, why PyTorch has a name that no op has."""
    for space, word in _places(name):
        why = reason(space, word)
        if why is not None:
            return f"`{space}.{word}` is no op: {why}"
    return None


@cache
def _indexed() -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    """The ops by their names and by their counterparts', both without style."""
    names: dict[str, list[str]] = {}
    counterparts: dict[str, list[str]] = {}
    for name, cls in all_ops().items():
        names.setdefault(_squeeze(name), []).append(name)
        counterparts.setdefault(_squeeze(cls.counterpart.rpartition(".")[2]), []).append(name)
    return names, counterparts


def _bare(name: str) -> str:
    return name.removeprefix("torch.").removeprefix("nn.").removeprefix("functional.").removeprefix("F.")


def _places(name: str) -> list[tuple[str, str]]:
    """What a name could be in PyTorch: namespaces with names in them."""
    word = _bare(name).rpartition(".")[2]
    words = [word, *(word.removeprefix(f"{space}_") for space in ("fft", "linalg", "special") if f"{space}_" in word)]
    camel = "".join(part[:1].upper() + part[1:] for part in word.split("_"))
    return [(space, each) for space in NAMESPACES for each in (*words, *([camel] if space == "torch.nn" else ()))]


def _squeeze(name: str) -> str:
    return name.replace("_", "").lower()
