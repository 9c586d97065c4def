"""Whether a run folder holds a run to go on with, and from where."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from archspec.diagnostics.model import Diagnostics
from archspec.reading.reader import read
from archspec.recipe.tokenizer import FILE as TOKENIZER
from archspec.runtime.checkpoints.store import FOLDER, Checkpoint, newest
from archspec.runtime.run_folder import FACTS, METRICS, SOURCE, SPEC, RunError, read_facts

_HALF = re.compile(r"\..+\.\d+\.part")


class Beginning(NamedTuple):
    """How a run begins in a folder. `again`: the folder is one of a run before, which is taken over.

    `checkpoint`: what it goes on from; None: from the start.
    """

    again: bool = False
    checkpoint: Checkpoint | None = None


def beginning(run: Path, resolved: str, epochs: int, warn: Callable[[str], None]) -> Beginning:
    """How training a spec (of this resolved text) begins in this folder, new or not.

    A run of the same spec that has not come to its end goes on from its newest checkpoint that is whole; `warn` is
    told of those that are not. What only says where and how long (`runtime`, `train.epochs`) may differ. Raises
    RunError for a folder that holds something else.
    """
    found = {path.name for path in run.iterdir()} if run.is_dir() else set()
    found = {name for name in found if not _HALF.fullmatch(name)}  # what a killed writer has left
    if not found:
        return Beginning()
    if METRICS not in found or (FACTS not in found and not found <= {METRICS, SPEC, SOURCE, FOLDER, TOKENIZER}):
        raise RunError(f"{run} is not empty, and holds no run: a run never overwrites anything")
    if FACTS not in found:  # killed before anything was trained
        return Beginning(again=True)
    facts = read_facts(run)
    if (key := _difference(_text(run / SPEC), resolved)) is not None:
        raise RunError(f"{run} holds a run of another spec (`{key}` differs): a run never overwrites another")
    done = facts.get("results", {}).get("epochs", 0)
    if facts.get("status") == "done" and facts.get("results", {}).get("stopped_early") is True:
        raise RunError(f"{run} holds a finished run: it {facts.get('message', 'stopped early')}")
    if facts.get("status") == "done" and isinstance(done, int) and done >= epochs:
        help = f"give another folder, or more than {done} `epochs` to go on with it"
        raise RunError(f"{run} holds a finished run, and a run never overwrites another: {help}")
    checkpoint, refused = newest(run)
    for reason in refused:
        warn(f"passed over: {reason}")
    if checkpoint is None and facts.get("status") != "running":
        raise RunError(f"{run} has no checkpoint to go on from")
    return Beginning(again=True, checkpoint=checkpoint)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise RunError(f"cannot read {path}: {error}") from None


def _difference(one: str, other: str) -> str | None:
    """The first key in which two specs differ in what is trained; None where they do not."""
    first, second = _data(one), _data(other)
    for key in [*first, *(key for key in second if key not in first)]:
        # As JSON text: 1, 1.0 and true are different values.
        if json.dumps(first.get(key), sort_keys=True) != json.dumps(second.get(key), sort_keys=True):
            return key
    return None


def _data(text: str) -> dict[str, Any]:
    node = read(text, SPEC, Diagnostics())
    data = node.data() if node is not None else {}
    if not isinstance(data, dict):
        return {}
    train = data.get("train")
    out = {key: value for key, value in data.items() if key not in ("runtime", "train")}
    if isinstance(train, dict):
        out |= {f"train.{key}": value for key, value in train.items() if key != "epochs"}
    return out
