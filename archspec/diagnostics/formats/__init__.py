"""Outcomes of checks in the formats that machines read: a renderer a file, loaded when it is asked for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import import_module

from archspec.diagnostics.outcome import Outcome

FORMATS = ("json", "github", "gitlab", "sarif", "junit")


def render(format: str, outcomes: Sequence[Outcome], *, version: str, root: str, strict: bool = False) -> str:
    """The document, with a line break at its end (none at all where a format has nothing to say).

    `version`: of archspec. `root`: the absolute path of the repository: files in it are named from there.
    `strict`: warnings are failures, where the format tells failures apart.
    """
    text: Callable[..., str] = import_module(f"archspec.diagnostics.formats.{format}").text
    return text(outcomes, version=version, root=root, strict=strict)
