"""`python -m archspec.schema`: write the JSON Schema of the language, or check that the file is what it should be.

It stands above the stages: it puts together what the ops and the recipe declare.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from archspec.recipe.schema import runtime_schema, train_schema
from archspec.schema.build import build, text

DEFAULT = Path("schemas/archspec-1.schema.json")


def main(argv: list[str] | None = None) -> int:
    """0: written, or up to date; 1: `--check` found it out of date; 2: it cannot be written or read."""
    parser = argparse.ArgumentParser(prog="python -m archspec.schema", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--check", action="store_true", help="write nothing; 1 if the file is out of date")
    parser.add_argument("-o", "--output", type=Path, default=DEFAULT, help=f"the file ({DEFAULT})")
    arguments = parser.parse_args(argv)
    wanted = text(build(train_schema(), runtime_schema()))
    path: Path = arguments.output
    try:
        if arguments.check:
            if path.is_file() and path.read_text(encoding="utf-8") == wanted:
                return 0
            print(f"{path} is out of date: run python -m archspec.schema", file=sys.stderr)
            return 1
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(wanted, encoding="utf-8", newline="\n")
    except OSError as error:
        print(f"{path}: {error.strerror or error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
