"""The folder of one training run: made once, never shared, never half-written.

spec.yaml            the resolved spec: it compiles to the model of this run
model.py             the emitted source
metrics.jsonl        one JSON object a line, as it happens: {"kind": "step" | "epoch" | "final", …}
weights.safetensors  the best weights by the held-out metric
last.safetensors     the weights at the end of the last whole epoch
checkpoints/         the whole state of the run at its newest checkpoints
tokenizer.json       a copy of the tokenizer, where the data are text and have one
transfer.json        what became of the weights that it started from, a tensor at a time, if it did from any
run.json             versions, seed, device, times, settings, results
loggers.json         where TensorBoard, MLflow or W&B go on, if the spec asks for them
quarantine.jsonl     the samples that were set aside as bad, if any were
report.html          one file, without external resources
"""

from __future__ import annotations

import json
import math
import os
import re
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any

from archspec.model.weights import write_text
from archspec.runtime.heard import Heard
from archspec.runtime.loggers import Loggers

SPEC, SOURCE, METRICS = "spec.yaml", "model.py", "metrics.jsonl"
WEIGHTS, LAST, FACTS, REPORT = "weights.safetensors", "last.safetensors", "run.json", "report.html"
TRANSFER = "transfer.json"
HELD = 0.5  # seconds that a line may wait for the next ones: written alone it costs as much as 2 % of a short step


class RunError(Exception):
    """A run folder that cannot be made, or is none."""


def plain(value: Any) -> Any:
    """The value as strict JSON holds it: a number that is not finite is null, a tuple a list."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    return value if isinstance(value, (str, int, bool)) or value is None else str(value)


class RunFolder:
    """A run folder that this process owns, open for writing metrics."""

    loggers: Loggers | None = None

    def __init__(self, path: Path, *, again: bool = False) -> None:
        """Claim a new folder, or with `again` one whose process is gone. Raises RunError, OSError."""
        self.path = path
        self._held: list[tuple[str, Mapping[str, Any]]] = []
        self._written = -math.inf
        self._metrics: IO[str]
        try:  # "x": whoever creates this file owns the folder
            self._metrics = (path / METRICS).open("a" if again else "x", encoding="utf-8")
        except FileExistsError:
            raise RunError(f"{path} already holds a run") from None
        _claim(self._metrics, path)

    @classmethod
    def create(cls, where: str | Path | None, name: str, root: str | Path = "runs") -> RunFolder:
        """The folder `where`, which must be new or empty; left out: `root`/`name`-1, -2, … the first that is free.

        Raises RunError where it exists and holds anything, or cannot be made.
        """
        try:
            if where is None:
                return cls(_next(Path(root), name))
            path = Path(where)
            path.mkdir(parents=True, exist_ok=True)
            if any(path.iterdir()):
                raise RunError(f"{path} is not empty: a run never overwrites another")
            return cls(path)
        except FileExistsError:
            raise RunError(f"{where} is a file, not a folder") from None
        except OSError as error:
            raise RunError(f"cannot make the run folder: {error}") from None

    @classmethod
    def reopen(cls, path: Path) -> RunFolder:
        """The folder of a run whose process is gone. Raises RunError where it lives, or it cannot be written."""
        try:
            return cls(path, again=True)
        except OSError as error:
            raise RunError(f"cannot write to the run folder: {error}") from None

    def write_facts(self, facts: Mapping[str, Any]) -> None:
        """Replace run.json."""
        self.write_json(FACTS, facts)

    def write_json(self, name: str, data: Mapping[str, Any]) -> None:
        """Replace a file of JSON."""
        write_text(self.path / name, json.dumps(plain(data), indent=2, ensure_ascii=False, allow_nan=False) + "\n")

    def log(self, kind: str, values: Mapping[str, Any], *, soon: bool = False) -> None:
        """Append one line to metrics.jsonl and hand it to the system at once, or `soon`: within HELD seconds, if
        there is another line by then."""
        self._held.append((kind, values))
        if not soon or time.perf_counter() - self._written >= HELD:
            self.flush()

    def flush(self) -> None:
        """Write the lines that wait."""
        held, self._held = self._held, []
        for kind, values in held:
            line = json.dumps(plain({"kind": kind, **values}), ensure_ascii=False, allow_nan=False)
            self._metrics.write(line + "\n")
            if self.loggers is not None:
                self.loggers.record(kind, values)
        self._metrics.flush()
        self._written = time.perf_counter()

    def warn(self, message: str) -> None:
        """Tell the user, and metrics.jsonl, of something that went wrong and did not end the run."""
        print(f"warning: {message}", file=Heard(sys.stderr), flush=True)
        self.log("warning", {"message": message})

    def position(self) -> int:
        """Bytes of metrics.jsonl so far."""
        self.flush()
        return os.fstat(self._metrics.fileno()).st_size

    def rewind(self, position: int) -> None:
        """Cut metrics.jsonl to its first `position` bytes: what came after will come again."""
        if position < self.position():
            self._metrics.truncate(position)
            self._metrics.seek(0, os.SEEK_END)

    def close(self) -> None:
        if not self._metrics.closed:
            self.flush()
            os.fsync(self._metrics.fileno())
            self._metrics.close()


class Bystander(RunFolder):
    """The run folder as processes other than the main one have it: they know where it is, and write nothing."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def write_facts(self, facts: Mapping[str, Any]) -> None:
        pass

    def log(self, kind: str, values: Mapping[str, Any], *, soon: bool = False) -> None:
        pass

    def flush(self) -> None:
        pass

    def warn(self, message: str) -> None:
        pass

    def position(self) -> int:
        return 0

    def rewind(self, position: int) -> None:
        pass

    def close(self) -> None:
        pass


def _claim(file: IO[str], path: Path) -> None:
    """Hold a lock on the file as long as this process lives. Raises RunError where another process has it."""
    try:
        import fcntl
    except ImportError:  # Windows
        return
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        raise RunError(f"{path} is in use by another process") from None
    except OSError:  # a file system without locks
        pass


def _next(root: Path, name: str) -> Path:
    stem = re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip(".-")[:100] or "run"
    root.mkdir(parents=True, exist_ok=True)
    taken = re.compile(rf"{re.escape(stem)}-(\d{{1,9}})")
    number = max((int(m[1]) for path in root.iterdir() if (m := taken.fullmatch(path.name))), default=0)
    while True:
        number += 1
        path = root / f"{stem}-{number}"
        try:
            path.mkdir()  # fails if another run has just taken this number
            return path
        except FileExistsError:
            continue


def read_facts(path: Path) -> dict[str, Any]:
    """run.json of a run folder. Raises RunError where there is none, or it is no JSON object."""
    try:
        facts = json.loads((path / FACTS).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise RunError(f"{path} is not a run folder: it has no {FACTS}") from None
    except (OSError, ValueError, RecursionError) as error:
        raise RunError(f"cannot read {path / FACTS}: {error}") from None
    if not isinstance(facts, dict):
        raise RunError(f"{path / FACTS} is not a JSON object")
    return facts


def read_metrics(path: Path) -> Iterator[dict[str, Any]]:
    """The lines of metrics.jsonl; a last line that was cut short (a killed run) is left out."""
    with (path / METRICS).open(encoding="utf-8") as lines:
        for line in lines:
            try:
                entry = json.loads(line)
            except ValueError:
                return
            if isinstance(entry, dict):
                yield entry
