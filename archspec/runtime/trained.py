"""The model of a run folder with its best weights, or of a spec with those that it names."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from torch import nn

from archspec import pipeline
from archspec.model import weights
from archspec.model.build import from_source
from archspec.model.transfer import load_files
from archspec.pipeline import Report
from archspec.recipe.model import DataFacts
from archspec.runtime.checkpoints.files import CheckpointError
from archspec.runtime.checkpoints.store import listed, step_of, verified
from archspec.runtime.run_folder import LAST, SPEC, WEIGHTS, RunError, read_facts
from archspec.runtime.start import start_from


class Trained(NamedTuple):
    """`module` is in eval mode. `facts`: those of a run's data. `weights`: does it have other than initial ones?"""

    report: Report
    module: nn.Module
    facts: DataFacts | None
    weights: bool


def load_trained(
    path: Path, given: Sequence[str] = (), params: dict[str, Any] | None = None, checkpoint: str | None = None
) -> Trained:
    """Load a run folder, or a spec. `given`: files of weights instead of the run's best, or of those the spec names.

    `checkpoint`: of a run, "best", "last", or the step of one of its checkpoints.

    Files given for a run have the model's own names; those for a spec go by its rules. A run folder's `model.py` is not
    run: the spec is compiled again, and neither it nor the weights can run code. `params` are for a spec.

    Raises RunError for what is no whole run folder, SpecError for a spec that does not check, OSError where it cannot
    be read, and WeightsError for weights that are not this model's.
    """
    if path.is_dir():
        return _run(path, given, checkpoint)
    if checkpoint is not None:
        raise RunError(f"{path} is no run folder, and only a run has checkpoints")
    report = pipeline.check(path, params, weights=given).raise_for_errors()
    module = from_source(pipeline.emitted(report))
    loaded = start_from(report, module)
    return Trained(report, module.eval(), None, loaded is not None)


def _run(path: Path, given: Sequence[str], checkpoint: str | None) -> Trained:
    known = read_facts(path)
    try:
        facts = DataFacts.from_json(known["data_facts"])
        text = (path / SPEC).read_bytes()
    except FileNotFoundError:
        raise RunError(f"{path} has no {SPEC}") from None
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise RunError(f"run.json of {path} does not describe the data ({type(error).__name__}: {error})") from None
    report = pipeline.check(pipeline.Spec(text, str(path / SPEC), path, facts)).raise_for_errors()
    file = path / (LAST if checkpoint == "last" else WEIGHTS)
    step = checkpoint not in (None, "best", "last")
    if not given and not step and not file.is_file():
        raise RunError(f"{path} has no {file.name} (its status is {known.get('status', 'unknown')})")
    module = from_source(pipeline.emitted(report))
    if given:
        load_files(module, [Path(name) for name in given])
    elif step:
        _load_step(module, path, str(checkpoint))
    else:
        weights.load(module, file)
    return Trained(report, module.eval(), facts, True)


def _load_step(module: nn.Module, run: Path, step: str) -> None:
    """The weights of a checkpoint: their average, where the run keeps one. Raises RunError."""
    found = {checkpoint: path for path in reversed(listed(run)) if (checkpoint := step_of(path)) is not None}
    if not step.isdecimal() or int(step) not in found:
        steps = ", ".join(map(str, sorted(found))) or "none"
        raise RunError(f"{run} has no checkpoint `{step}`: there are best, last, and those of the steps {steps}")
    try:
        tree = verified(found[int(step)]).read()["train"]
        average = tree.get("average", {})
        module.load_state_dict(average["module"] if average.get("count") else tree["module"])
    except (CheckpointError, KeyError, TypeError, RuntimeError, AttributeError) as error:
        raise RunError(f"the checkpoint of step {step} is not one of this model: {error}") from None
