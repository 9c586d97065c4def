"""`python -m archspec.schema`: write the JSON Schemas, or check that the files are what they should be.

It stands above the stages: the schema of the language is put together from what the ops and the recipe declare.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from archspec.compare.formats.json_schema import schema as diff_schema
from archspec.diagnostics.formats.json_schema import schema as check_schema
from archspec.recipe.schema import runtime_schema, train_schema
from archspec.schema.build import build, text
from archspec.transfer.schema import weights_schema

FOLDER = Path("schemas")


def schemas() -> dict[str, str]:
    """{name of the file: what it holds}"""
    return {
        "archspec-1.schema.json": text(build(train=train_schema(), runtime=runtime_schema(), weights=weights_schema())),
        "archspec-check-1.schema.json": text(check_schema()),
        "archspec-diff-1.schema.json": text(diff_schema()),
    }


def main(argv: list[str] | None = None) -> int:
    """0: written, or up to date; 1: `--check` found one out of date; 2: one cannot be written or read."""
    parser = argparse.ArgumentParser(prog="python -m archspec.schema", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--check", action="store_true", help="write nothing; 1 if a file is out of date")
    parser.add_argument("-o", "--output", type=Path, default=FOLDER, help=f"the folder ({FOLDER})")
    arguments = parser.parse_args(argv)
    stale = 0
    for name, wanted in schemas().items():
        path: Path = arguments.output / name
        try:
            if arguments.check:
                if not path.is_file() or path.read_text(encoding="utf-8") != wanted:
                    print(f"{path} is out of date: run python -m archspec.schema", file=sys.stderr)
                    stale = 1
                continue
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(wanted, encoding="utf-8", newline="\n")
        except OSError as error:
            print(f"{path}: {error.strerror or error}", file=sys.stderr)
            return 2
    return stale


if __name__ == "__main__":
    sys.exit(main())
