"""Whether a run folder holds a run to go on with, and from where."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from archspec.recipe.tokenizer import FILE as TOKENIZER
from archspec.runtime.checkpoints.store import FOLDER, Checkpoint, newest, set_aside
from archspec.runtime.identity import difference, trained_keys
from archspec.runtime.run_folder import FACTS, METRICS, SOURCE, SPEC, RunError, read_facts

_OTHERWISE = "put back what it was, or begin another run, with `--weights` from what this one has learned"
_HALF = re.compile(r"\..+\.\d+\.part")


class Beginning(NamedTuple):
    """How a run begins in a folder. `again`: the folder is one of a run before, which is taken over.

    `checkpoint`: what it goes on from; None: from the start. `identity`: what run.json keeps of spec and data.
    """

    again: bool = False
    checkpoint: Checkpoint | None = None
    identity: Mapping[str, Any] | None = None


def beginning(
    run: Path, resolved: str, known: Mapping[str, Any], epochs: int, warn: Callable[[str], None]
) -> Beginning:
    """How training a spec (of this resolved text, and of this `identity`) begins in a folder that has a metrics.jsonl.

    A run of the same spec and data that has not come to its end goes on from its newest checkpoint that is whole;
    `warn` is told of those that are not, and they are set aside. Raises RunError for a folder that holds something
    else, or a run that cannot be gone on with, and leaves it as it is.
    """
    found = {path.name for path in run.iterdir()}
    found = {name for name in found if not _HALF.fullmatch(name)}  # what a killed writer has left
    if FACTS not in found:
        if not found <= {METRICS, SPEC, SOURCE, FOLDER, TOKENIZER}:
            raise RunError(f"{run} is not empty, and holds no run: a run never overwrites anything")
        return Beginning(again=True)  # killed before anything was trained
    facts = read_facts(run)
    if (key := difference(trained_keys(_text(run / SPEC)), trained_keys(resolved))) is not None:
        raise RunError(f"{run} holds a run of another spec (`{key}` differs): a run never overwrites another")
    done = facts.get("results", {}).get("epochs", 0)
    if facts.get("status") == "done" and facts.get("results", {}).get("stopped_early") is True:
        raise RunError(f"{run} holds a finished run: it {facts.get('message', 'stopped early')}")
    if facts.get("status") == "done" and isinstance(done, int) and done >= epochs:
        help = f"give another folder, or more than {done} `epochs` to go on with it"
        raise RunError(f"{run} holds a finished run, and a run never overwrites another: {help}")
    _same(run, facts.get("identity"), known)
    checkpoint, refused = newest(run)
    for reason in refused:
        warn(f"passed over: {reason}")
    if checkpoint is None and refused:
        raise RunError(f"no checkpoint of {run} is whole: to begin again from the start, give another folder")
    if checkpoint is None and facts.get("status") != "running":
        raise RunError(f"{run} has no checkpoint to go on from")
    if checkpoint is not None and (aside := set_aside(checkpoint)):
        warn(f"the run goes on from step {checkpoint.step}; what was passed over is now {', '.join(aside)}")
    return Beginning(again=True, checkpoint=checkpoint)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise RunError(f"cannot read {path}: {error}") from None


def _same(run: Path, before: Any, now: Mapping[str, Any]) -> None:
    """Raises RunError where the spec in the folder, or the data, are not what the run began with."""
    if not isinstance(before, dict):  # of a version that did not write it down
        return
    if (key := difference(before.get("spec", {}), now["spec"])) is not None:
        raise RunError(f"{run / SPEC} was changed after the run began (`{key}` differs): {_OTHERWISE}")
    if (key := difference(before.get("data", {}), now["data"])) is not None:
        raise RunError(f"the data were changed after the run {run} began (`{key}` of `train.data`): {_OTHERWISE}")
