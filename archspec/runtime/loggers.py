"""TensorBoard, MLflow and Weights & Biases behind one interface: what goes into metrics.jsonl goes there too."""

from __future__ import annotations

import importlib
import json
import math
import os
import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

from archspec.recipe.model import Part

STATE = "loggers.json"  # in the run folder: what a resumption must know to go on in the same place
PACKAGES = {"tensorboard": "torch.utils.tensorboard", "mlflow": "mlflow", "wandb": "wandb"}


class LoggerError(Exception):
    """A logger whose package is not there."""


class Logger(Protocol):
    """One place that values go to."""

    def log(self, values: Mapping[str, float], step: int) -> None:
        """Take in values of one optimisation step, by name ("train/loss", "val/accuracy")."""

    def close(self, status: str) -> None:
        """The run has ended: "done", "interrupted" or "failed"."""

    def state(self) -> dict[str, Any]:
        """What must be known to go on in the same place."""


def check_loggers(parts: Sequence[Part]) -> None:
    """Raises LoggerError for the first whose package cannot be imported."""
    for part in parts:
        try:
            importlib.import_module(PACKAGES[part.name])
        except ImportError as error:
            raise LoggerError(
                f"`runtime.log` asks for `{part.name}`, which is not installed ({error}): "
                f"pip install 'archspec-nn[{part.name}]'"
            ) from None


class _TensorBoard:
    def __init__(self, part: Part, run: Path, facts: Mapping[str, Any], step: int, before: Mapping[str, Any]) -> None:
        from torch.utils.tensorboard import SummaryWriter

        folder = run / part.keywords["folder"]
        # Events of steps that come again are hidden.
        self._writer: Any = SummaryWriter(str(folder), purge_step=step + 1 if before else None)
        if not before:
            settings = json.dumps(facts.get("settings", {}), indent=2, default=str)
            self._writer.add_text("settings", f"```\n{settings}\n```")

    def log(self, values: Mapping[str, float], step: int) -> None:
        for name, value in values.items():
            self._writer.add_scalar(name, value, step)

    def close(self, status: str) -> None:
        self._writer.close()

    def state(self) -> dict[str, Any]:
        return {"begun": True}


class _MlFlow:
    def __init__(self, part: Part, run: Path, facts: Mapping[str, Any], step: int, before: Mapping[str, Any]) -> None:
        self._mlflow: Any = importlib.import_module("mlflow")
        self._mlflow.set_experiment(part.keywords["experiment"] or facts.get("name", "archspec"))
        started = self._mlflow.start_run(run_id=before.get("run_id"), run_name=run.name)
        self._id: str = started.info.run_id
        if not before:
            self._mlflow.log_params(_flat(facts.get("settings", {})))

    def log(self, values: Mapping[str, float], step: int) -> None:
        named = {re.sub(r"[^\w./-]+", " ", name).strip(): value for name, value in values.items()}  # all that it takes
        self._mlflow.log_metrics(named, step=step)

    def close(self, status: str) -> None:
        self._mlflow.end_run({"done": "FINISHED", "failed": "FAILED"}.get(status, "KILLED"))

    def state(self) -> dict[str, Any]:
        return {"run_id": self._id}


class _Wandb:
    def __init__(self, part: Part, run: Path, facts: Mapping[str, Any], step: int, before: Mapping[str, Any]) -> None:
        given = part.keywords
        self._run: Any = importlib.import_module("wandb").init(
            project=given["project"] or facts.get("name", "archspec"),
            entity=given["entity"],
            mode=given["mode"],
            dir=str(run),
            name=run.name,
            id=before.get("id"),
            resume="allow" if before else None,
            config=dict(facts.get("settings", {})),
        )

    def log(self, values: Mapping[str, float], step: int) -> None:
        self._run.log(dict(values), step=step)

    def close(self, status: str) -> None:
        self._run.finish(exit_code=int(status == "failed"))

    def state(self) -> dict[str, Any]:
        return {"id": self._run.id}


_KINDS: dict[str, Callable[..., Logger]] = {"tensorboard": _TensorBoard, "mlflow": _MlFlow, "wandb": _Wandb}


class Loggers:
    """All loggers of a run. One that fails is told of, once, and gets nothing more."""

    def __init__(
        self, parts: Sequence[Part], run: Path, facts: Mapping[str, Any], step: int, warn: Callable[[str], None]
    ) -> None:
        self._warn = warn
        self._open: dict[str, Logger] = {}
        before = _before(run) if step else {}
        for part in parts:
            try:
                self._open[part.name] = _KINDS[part.name](part, run, facts, step, before.get(part.name, {}))
            except Exception as error:  # theirs, of any kind: a server that is not there
                warn(f"`{part.name}` does not log this run: {error}{_hint(part)}")
        if self._open:
            with suppress(OSError):
                state = {name: logger.state() for name, logger in self._open.items()}
                (run / STATE).write_text(json.dumps(state), encoding="utf-8")

    def record(self, kind: str, values: Mapping[str, Any]) -> None:
        """Hand on a line of metrics.jsonl."""
        named = {
            name: float(value)
            for name, value in _named(kind, values).items()
            if isinstance(value, (int, float)) and math.isfinite(value)
        }
        if named:
            self._each(lambda logger: logger.log(named, int(values["step"])))

    def close(self, status: str) -> None:
        self._each(lambda logger: logger.close(status))
        self._open.clear()

    def _each(self, call: Callable[[Logger], None]) -> None:
        for name, logger in list(self._open.items()):
            try:
                call(logger)
            except Exception as error:
                del self._open[name]
                self._warn(f"`{name}` no longer logs this run: {error}")


def _hint(part: Part) -> str:
    if part.name == "mlflow" and "MLFLOW_TRACKING_URI" not in os.environ:
        return " (the variable MLFLOW_TRACKING_URI, which names MLflow's server, is not set)"
    return ""


def _named(kind: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """{"train/…", "val/…": value} of a line."""
    if kind == "step":
        return {f"train/{name}": values[name] for name in ("loss", "lr", "samples_per_second")}
    if kind != "epoch":
        return {}
    apart = ("epoch", "step", "train_loss", "lr", "seconds", "samples_per_second", "best")
    held_out = {f"val/{name}": value for name, value in values.items() if name not in apart}
    return {"epoch": values["epoch"], "train/epoch_loss": values["train_loss"], **held_out}


def _before(run: Path) -> dict[str, Any]:
    try:
        found = json.loads((run / STATE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _flat(settings: Mapping[str, Any]) -> dict[str, str]:
    return {name: str(value)[:500] for name, value in settings.items()}
