"""Where the values of a run go beside its own folder. Each needs a package that archspec does not depend on."""

from __future__ import annotations

from archspec.ops.base import arg
from archspec.ops.kinds import Choice, Optional, Refined, Str
from archspec.recipe.model import Part
from archspec.recipe.nested import Nested


def _within(path: str) -> str | None:
    parts = path.replace("\\", "/").split("/")
    return None if path and ".." not in parts and parts[0] and ":" not in path else "a folder within the run folder"


class TensorBoard(Part):
    """Event files for TensorBoard."""

    name = "tensorboard"
    folder = arg(Refined(Str, _within), "tensorboard", "where they go within the run folder")


class MlFlow(Part):
    """An MLflow run, on the server, in the database or the folder that the variable MLFLOW_TRACKING_URI names."""

    name = "mlflow"
    experiment = arg(Optional(Str), None, "the experiment; left out: the name of the spec")


class Wandb(Part):
    """A run of Weights & Biases."""

    name = "wandb"
    project = arg(Optional(Str), None, "the project; left out: the name of the spec")
    entity = arg(Optional(Str), None, "the team or user")
    mode = arg(
        Choice("offline", "online", "disabled"),
        "offline",
        "`offline`: files in the run folder, for `wandb sync`: nothing leaves the machine unless you say `online`",
    )


class Log(Part):
    """Where the values of a run go beside metrics.jsonl. A logger that fails is a warning, and the run goes on."""

    name = "log"
    tensorboard = arg(Optional(Nested(TensorBoard)), None, "needs `archspec-nn[tensorboard]`; `true` for all defaults")
    mlflow = arg(Optional(Nested(MlFlow)), None, "needs `archspec-nn[mlflow]`; `true` for all defaults")
    wandb = arg(Optional(Nested(Wandb)), None, "needs `archspec-nn[wandb]`; `true` for all defaults")

    @property
    def asked(self) -> tuple[Part, ...]:
        """Those that are wanted."""
        return tuple(part for part in (self.tensorboard, self.mlflow, self.wandb) if part is not None)
