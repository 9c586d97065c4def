"""A training run from a checked spec to a finished run folder."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from signal import SIGTERM
from typing import Any, NamedTuple

import torch
from torch import nn

from archspec import pipeline
from archspec.codegen.emit import Source
from archspec.data import Data, open_data
from archspec.data.workers import worker_failure
from archspec.diagnostics.model import Diagnostics
from archspec.model.build import from_source
from archspec.model.weights import write_text
from archspec.pipeline import Report
from archspec.reading.text import decode
from archspec.recipe.files import DataError
from archspec.recipe.model import Recipe
from archspec.runtime.checkpoints.store import Checkpoint
from archspec.runtime.class_weights import balanced
from archspec.runtime.compiled import compiler_failed
from archspec.runtime.copies import keep_copies, same_copies
from archspec.runtime.described import continued, describe, name_of, now
from archspec.runtime.freeze import freeze
from archspec.runtime.identity import identity
from archspec.runtime.interrupt import Stop, stop_on_signals
from archspec.runtime.loggers import Loggers, check_loggers
from archspec.runtime.mishap import out_of_memory
from archspec.runtime.numerics import numerics, undetermined
from archspec.runtime.parallel.mesh import shared_products
from archspec.runtime.precision import PrecisionError, lacking
from archspec.runtime.progress import display
from archspec.runtime.report import write_report
from archspec.runtime.resolved import EditError, whole_text, with_values
from archspec.runtime.resume import Beginning, beginning
from archspec.runtime.run_folder import (
    FACTS,
    METRICS,
    SOURCE,
    SPEC,
    TRANSFER,
    Bystander,
    RunError,
    RunFolder,
    read_facts,
)
from archspec.runtime.start import start_from, started_from, with_files
from archspec.runtime.token_bytes import per_byte
from archspec.runtime.trainer import Trainer, TrainingError, steps_per_epoch
from archspec.runtime.world import World, joined, local_device
from archspec.runtime.wrap import DeviceError, Prepared, pick_device, prepare
from archspec.schema.skeleton import SECTIONS
from archspec.transfer.report import TransferReport


class Plan(NamedTuple):
    """All that is decided before a run begins."""

    report: Report
    overrides: dict[str, Any]
    recipe: Recipe
    data: Data
    device: torch.device
    source: Source


class Result(NamedTuple):
    """A finished run. `status`: "done", "interrupted". `best`: the best held-out value of `criterion`, at `best_epoch`.

    `history` holds one entry an epoch: train_loss, loss (held-out), the metrics, lr, seconds, samples_per_second.
    `transfer`: what became of the weights that it started from, if it did. `message`: why it ended before its last
    epoch, if it did.
    """

    folder: Path
    status: str
    criterion: str
    best: float | None
    best_epoch: int
    history: list[dict[str, Any]]
    signal: int = 0
    main: bool = True  # does this process speak for the run?
    transfer: TransferReport | None = None
    message: str = ""


def plan(report: Report, overrides: dict[str, Any] | None = None, device: str | None = None) -> Plan:
    """Open the data and choose the device for a checked spec. `overrides` are those it was checked with.

    Raises SpecError (errors in the spec; data that are not what it says), DeviceError, and ValueError where the spec
    has no `train:` section.
    """
    report.raise_for_errors()
    if report.recipe is None:
        raise ValueError(f"{report.spec.file} has no `train:` section")
    runtime = report.recipe.runtime
    try:
        chosen = pick_device(local_device(device or runtime.device))
    except DeviceError as error:
        error.span = None if device else runtime.place("device")
        raise
    data = open_data(report.recipe)
    report.recipe.losses = balanced(report.recipe.losses, data)
    report.recipe.metrics = per_byte(report.recipe, data.facts, data.holdout)
    return Plan(report, overrides or {}, report.recipe, data, chosen, pipeline.emitted(report))


def train(
    path: str | os.PathLike[str],
    *,
    params: dict[str, Any] | None = None,
    run: str | os.PathLike[str] | None = None,
    weights: Sequence[str] = (),
    device: str | None = None,
    quiet: bool = False,
) -> Result:
    """Train a spec as its `train:` section says; `params` override parameters and `train.…` entries.

    `run` is the run folder, new or empty; left out: `runs/<name>-<n>`. `weights`: files to start from instead of those
    that the spec names. Raises SpecError, OSError, RunError, WeightsError, DeviceError, and TrainingError where
    training cannot go on.
    """
    overrides = params or {}
    return execute(plan(pipeline.check(path, overrides, weights=weights), overrides, device), run, quiet=quiet)


def execute(
    given: Plan,
    run: str | os.PathLike[str] | None = None,
    *,
    quiet: bool = False,
    warn: Callable[[str], None] = lambda _: None,
) -> Result:
    """Make the run folder, train, and leave weights, results and report in it, whatever happens meanwhile.

    A folder with a run of this spec that did not come to its end is gone on with (see archspec.runtime.resume).
    """
    with (
        stop_on_signals() as stop,
        numerics(given.recipe.runtime),
        joined(given.recipe.runtime.parallel, given.device) as world,
        shared_products(world),
    ):
        return _execute(given, run, world, stop, quiet=quiet or not world.main, warn=warn)


def _execute(
    given: Plan,
    run: str | os.PathLike[str] | None,
    world: World,
    stop: Stop,
    *,
    quiet: bool,
    warn: Callable[[str], None],
) -> Result:
    recipe = given.recipe
    torch.manual_seed(recipe.seed)
    module = from_source(given.source)  # the same on every process
    freeze(module, recipe.tuning.frozen)
    # What is wrong with the weights, the precision or a logger is told before a folder is made.
    again = world.tell({"again": run is not None and (Path(run) / FACTS).is_file()})["again"]
    check_loggers(recipe.runtime.log.asked)
    transferred = None if again else start_from(given.report, module)
    prepared = None if again else _prepared(module, given, world)
    folder, begins = _folder(given, run, world, warn)
    if prepared is None:
        transferred = start_from(given.report, module) if begins.checkpoint is None else None
        prepared = _prepared(module, given, world)
    facts = describe(given, world) | {"identity": begins.identity}
    if begins.checkpoint is not None:
        facts |= continued(read_facts(folder.path), facts, begins.checkpoint.step, warn)
    else:
        folder.rewind(0)
    if transferred is not None:
        facts["weights"] = started_from(given.report, transferred)
        facts["settings"]["weights"] = transferred.summary()
    # What is random in training differs between parts of the batch and of the model; processes that share products
    # must draw alike, as what they have whole is to stay one.
    if apart := world.index("data") + world.degree("data") * world.index("pipeline"):
        torch.manual_seed(recipe.seed + apart)
    try:
        if world.main:
            keep_copies(recipe.data, folder.path)
            write_text(folder.path / SPEC, resolved_text(given, folder.path))
            write_text(folder.path / SOURCE, given.source.text)
            if transferred is not None:
                folder.write_json(TRANSFER, transferred.to_json())
        folder.write_facts(facts)
        if world.main and (log := recipe.runtime.log.asked):
            step = begins.checkpoint.step if begins.checkpoint is not None else 0
            folder.loggers = Loggers(log, folder.path, facts, step, folder.warn)
        steps = steps_per_epoch(recipe, given.data) * recipe.epochs
        with display(recipe.epochs, steps, recipe.measured, quiet=quiet) as shown:
            trainer = Trainer(prepared, given.data, recipe, folder, shown, stop, world)
            facts["results"] = {"criterion": trainer.criterion}
            if begins.checkpoint is not None:
                trainer.resume(begins.checkpoint)
            try:
                trainer.run()
            finally:
                facts["results"] = _results(trainer)
    except Exception as error:
        with suppress(OSError):  # a full disk is what the error says, not what hides it
            _close(folder, facts, "failed", str(error) or type(error).__name__)
        raise translated(error, given) from error
    state = trainer.state
    done = trainer.done
    message = "" if done else f"stopped in epoch {state.epoch + 1} of {recipe.epochs}, at step {state.step}"
    if done and state.stopper is not None and state.stopper.over:
        message = state.stopper.reason
    _close(folder, facts, "done" if done else "interrupted", message)
    world.barrier()
    results = facts["results"]
    status = "done" if done else "interrupted"
    best, best_epoch = results["best"], results["best_epoch"]
    signal = 0 if done else stop.signal or SIGTERM  # asked of another process
    return Result(
        folder.path,
        status,
        trainer.criterion,
        best,
        best_epoch,
        state.history,
        signal,
        world.main,
        transferred,
        message,
    )


def _prepared(module: nn.Module, given: Plan, world: World) -> Prepared:
    recipe = given.recipe
    shares = (recipe.split, recipe.sequences, recipe.stages, recipe.context, recipe.idle)
    try:
        return prepare(module, given.device, recipe.runtime, world, recipe.chosen, *shares)
    except PrecisionError as error:
        error.span = recipe.runtime.place("precision")
        raise


def _folder(
    given: Plan, run: str | os.PathLike[str] | None, world: World, warn: Callable[[str], None]
) -> tuple[RunFolder, Beginning]:
    """The run folder, and how the run begins there. The main process decides; what is wrong there is wrong for all."""
    begins, problem = Beginning(), ""
    folder: RunFolder | None = None
    if world.main:
        try:
            folder, begins = _own_folder(given, None if run is None else Path(run), warn)
        except (RunError, DataError, OSError) as error:
            problem = str(error)
    told = {
        "problem": problem,
        "path": str(folder.path.resolve()) if folder is not None else "",
        "checkpoint": str(begins.checkpoint.path.resolve()) if begins.checkpoint is not None else "",
        "step": begins.checkpoint.step if begins.checkpoint is not None else 0,
    }
    told = world.tell(told)
    if told["problem"]:
        raise RunError(told["problem"])
    if folder is None:
        folder = Bystander(Path(told["path"]))
        if told["checkpoint"]:
            begins = Beginning(again=True, checkpoint=Checkpoint(Path(told["checkpoint"]), told["step"]))
    return folder, begins


def _own_folder(given: Plan, where: Path | None, warn: Callable[[str], None]) -> tuple[RunFolder, Beginning]:
    """Raises RunError, DataError, OSError."""
    if where is None or not (where / METRICS).is_file():
        folder = RunFolder.create(where, name_of(given.report))
        return folder, Beginning(identity=identity(resolved_text(given, folder.path), given.recipe.data))
    folder = RunFolder.reopen(where)  # first, so that no other process changes what is decided by
    try:
        resolved = resolved_text(given, where)
        known = identity(resolved, given.recipe.data)
        begins = beginning(where, resolved, known, given.recipe.epochs, warn)
        same_copies(given.recipe.data, where)
    except BaseException:
        folder.close()
        raise
    return folder, begins._replace(identity=known)


def translated(error: Exception, given: Plan) -> Exception:
    """What training could not help, as a TrainingError; anything else as it is."""
    if out_of_memory(error):
        small = "`runtime.micro_batch_size` (the batch stays as it is)"
        return TrainingError(f"out of memory: try a smaller {small} ({str(error).splitlines()[0]})")
    if isinstance(error, ValueError) and str(error).startswith("Expected more than 1 value per channel"):
        return TrainingError(
            "the last batch of an epoch has one sample, too few for batch norm: choose another `batch_size`"
        )
    if isinstance(error, IndexError) and (found := re.match(r"Target (-?\d+) is out of bounds", str(error))):
        return TrainingError(f"the data have the class number {found[1]}, for which the model has no output")
    if isinstance(error, NotImplementedError) and (
        unknown := re.search(r"Operator (\S+) does not have a sharding", str(error))
    ):
        return TrainingError(f"PyTorch does not share out {unknown[1]}: take another `runtime.parallel`")
    if isinstance(error, RuntimeError) and (
        found := re.search(r"Sharding propagation failed for (\S+?)\(", str(error))
    ):
        version = torch.__version__.partition("+")[0]
        return TrainingError(
            f"PyTorch {version} does not share out {found[1]} as this model needs it: take another `runtime.parallel`, "
            "or a newer PyTorch"
        )
    if half := lacking(error, given.recipe.runtime.precision, given.device):
        return TrainingError(half)
    if random := undetermined(error):
        return TrainingError(random)
    if compiler_failed(error):
        return TrainingError(f"`runtime.compile`: {str(error).strip().splitlines()[0]}")
    if isinstance(error, OSError):
        return TrainingError(f"the run folder cannot be written: {error}")
    if isinstance(error, RuntimeError) and (gone := worker_failure(error)) is not None:
        error = gone
    return TrainingError(str(error)) if isinstance(error, DataError) else error


def _close(folder: RunFolder, facts: dict[str, Any], status: str, message: str) -> None:
    facts |= {"status": status, "message": message, "finished": now()}
    folder.log("final", {"status": status, **facts.get("results", {})})
    if folder.loggers is not None:
        folder.loggers.close(status)
    folder.close()
    folder.write_facts(facts)
    if not isinstance(folder, Bystander):
        write_report(folder.path)


def _results(trainer: Trainer) -> dict[str, Any]:
    state = trainer.state
    trained = sum(entry["seconds"] for entry in state.history)
    return {
        "criterion": trainer.criterion,
        "best": state.best,
        "best_epoch": state.best_epoch,
        "last": state.history[-1] if state.history else None,
        "epochs": state.epoch,
        **({"stopped_early": True} if state.stopper is not None and state.stopper.over else {}),
        "steps": state.step,
        "samples": state.samples,
        "seconds": state.seconds,
        **({"quarantined": dict(trainer.quarantine.counts)} if trainer.quarantine.counts else {}),
        "samples_per_second": len(state.history) * trainer.samples_per_epoch / trained if trained else None,
    }


def resolved_text(given: Plan, folder: Path) -> str:
    """The spec's text with the overrides in it, and relative paths as they are seen from `folder`.

    From there it compiles and trains as this run does. A spec made of several files becomes one.
    """
    spec, elaboration = given.report.spec, given.report.elaboration
    assert elaboration is not None
    assembled = given.report.assembled
    text = whole_text(assembled) if assembled is not None else decode(spec.text, spec.file, Diagnostics()) or ""
    for path, value in given.overrides.items():
        parts = tuple(path.split("."))
        if parts[0] in SECTIONS:
            text = with_values(text, {parts: value})
            continue
        try:
            text = with_values(text, {("params", *parts): value})
        except EditError:  # an entry of a default that is computed: the whole value, as it came out
            text = with_values(text, {("params", parts[0]): elaboration.params[parts[0]]})
    kind = given.recipe.data.kind
    for key in kind.files:
        written = getattr(kind, key, None)
        if written is not None and key in kind.kept:
            text = with_values(text, {("train", "data", kind.name, key): kind.kept[key]})
        elif written is not None and not Path(written).is_absolute():
            seen = Path(os.path.relpath(given.recipe.data.base / written, folder)).as_posix()
            text = with_values(text, {("train", "data", kind.name, key): seen})
    return with_files(given.report, text, folder)
