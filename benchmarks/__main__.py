"""`make bench`: every benchmark, or those named: `python -m benchmarks check compiled`."""

from __future__ import annotations

import platform
import sys
from importlib import import_module

ALL = ("check", "warm", "scale", "compiled", "memory", "training", "batch_norm", "checkpoints", "gpu")


def main(names: list[str]) -> int:
    unknown = [name for name in names if name not in ALL]
    if unknown:
        print(f"there is no benchmark {unknown[0]!r}; there are {', '.join(ALL)}", file=sys.stderr)
        return 2
    print(f"Python {platform.python_version()}, {platform.machine()}\n")
    for name in names or ALL:
        import_module(f"benchmarks.{name}").main()
        print()
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
