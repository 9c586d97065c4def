"""Lines of the emitted source, as a user is told of them."""

from __future__ import annotations

import linecache
from types import CodeType, FrameType

from archspec.model.build import EMITTED
from archspec.runtime.run_folder import SOURCE


def running(frame: FrameType | None) -> str:
    """The line of the emitted source that is running: ``model.py:12 (`x = self.fc(x).log()`, in Net.forward)``."""
    while frame is not None and not frame.f_code.co_filename.startswith(EMITTED):
        frame = frame.f_back
    return "an operation" if frame is None else _shown(frame.f_code, frame.f_lineno)


def raised(error: BaseException) -> str:
    """The line of the emitted source that an error came from; "" for one that came from elsewhere."""
    found, trace = "", error.__traceback__
    while trace is not None:
        code = trace.tb_frame.f_code
        if code.co_filename.startswith(EMITTED):
            found = _shown(code, trace.tb_lineno)
        trace = trace.tb_next
    return found


def _shown(code: CodeType, number: int) -> str:
    line = linecache.getline(code.co_filename, number).strip()
    return f"{SOURCE}:{number} (`{line}`, in {code.co_qualname})"
