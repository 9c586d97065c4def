"""quarantine.jsonl in the run folder: the samples that could not be read, with path and reason, each once."""

from __future__ import annotations

import json
import os
from collections import Counter
from contextlib import suppress
from typing import Any

from archspec.data import Data
from archspec.data.guard import Bad
from archspec.diagnostics.model import Diagnostic, SpecError
from archspec.recipe.model import DataSource
from archspec.runtime.run_folder import Bystander, RunFolder

QUARANTINE = "quarantine.jsonl"
WARNED = 10  # bad samples that are told of one by one


class Quarantine:
    """What has been set aside so far, also before the run was gone on with. Every process adds what it finds."""

    def __init__(self, folder: RunFolder, source: DataSource, data: Data) -> None:
        self._folder = folder
        self._span = source.span
        share = getattr(source.kind, "bad_share", 0.0)
        sizes = {"train": len(data.train), "holdout": len(data.holdout)}
        self._limits = {} if data.judged else {part: max(1, int(size * share)) for part, size in sizes.items()}
        self._share = share
        self._known: set[tuple[str, int]] = set()
        self.counts: Counter[str] = Counter()
        for entry in self._written():
            self._count(Bad(*(entry[key] for key in Bad._fields)))
        if data.bad and not isinstance(folder, Bystander):  # every process has read the same
            self.add(data.bad)

    def _written(self) -> list[dict[str, Any]]:
        out = []
        with suppress(FileNotFoundError):
            for line in (self._folder.path / QUARANTINE).read_text(encoding="utf-8").splitlines():
                with suppress(ValueError):  # the last one may be cut off
                    entry = json.loads(line)
                    if isinstance(entry, dict) and entry.keys() >= set(Bad._fields):
                        out.append(entry)
        return out

    def _count(self, bad: Bad) -> bool:
        key = (bad.part, bad.sample)  # not its path, which is seen from the folder that the spec is in
        if key in self._known:
            return False
        self._known.add(key)
        self.counts[bad.part] += 1
        return True

    def add(self, found: list[Bad]) -> None:
        """Write and tell of what is new. Raises SpecError (AS504) where there are more than the limit, OSError."""
        new = [bad for bad in found if self._count(bad)]
        if not new:
            return
        text = "".join(json.dumps(bad._asdict(), ensure_ascii=False) + "\n" for bad in new)
        with (self._folder.path / QUARANTINE).open("a", encoding="utf-8") as stream:  # whole lines, by any process
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        total = sum(self.counts.values())
        for number, bad in enumerate(new, total - len(new) + 1):
            if number <= WARNED:
                self._folder.warn(f"sample set aside: {bad.path}: {bad.reason}")
            if number == WARNED:
                self._folder.warn(f"further samples that are set aside are in {QUARANTINE} alone")
        for part, limit in self._limits.items():
            count = self.counts[part]
            if count > limit:
                bad = next((bad for bad in reversed(new) if bad.part == part), new[-1])
                message = (
                    f"{count:,} bad samples in `{part}`, and at most {limit:,} ({self._share:.2%}) may be set aside; "
                    f"the last is {bad.path}: {bad.reason}"
                )
                help = f"{QUARANTINE} of the run lists them; `bad_share` is how many may be bad"
                raise SpecError([Diagnostic("AS504", message, self._span, help=help)])
