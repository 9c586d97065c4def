"""Which warnings are given: all but those that are off until asked for, or what `--select` and `--ignore` say."""

from __future__ import annotations

from typing import NamedTuple

OFF = frozenset({"AS410"})  # given only where they are asked for


class Selection(NamedTuple):
    """Codes of warnings, or what they begin with: "AS401", "AS4". Errors are always given.

    `select`: given instead of the default; `extend`: given as well; `ignore`: not given. Where several apply, the
    longest decides, and of equally long ones `ignore`.
    """

    select: tuple[str, ...] = ()
    extend: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()

    def wants(self, code: str) -> bool:
        """Is a warning of this code given?"""
        chosen = (*self.select, *self.extend)
        given = max((len(each) for each in chosen if code.startswith(each)), default=-1)
        if given < 0 and not self.select and code not in OFF:
            given = 0
        left_out = max((len(each) for each in self.ignore if code.startswith(each)), default=-1)
        return given > left_out


DEFAULT = Selection()
