"""`archspec lsp`: the language server, for editors."""

from __future__ import annotations

import argparse
import os
import sys
from typing import Any

from archspec.cli.output import UsageError


def add_parser(commands: Any) -> None:
    parser = commands.add_parser(
        "lsp",
        help="the language server, for editors",
        description="Speak the Language Server Protocol over standard input and output: errors as they are typed, the "
        "inferred shape behind every line, hover, completion, definitions, references, renaming, formatting, quick "
        "fixes. An editor starts it.",
    )
    parser.add_argument("--stdio", action="store_true", help="as editors call it; there is no other way")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    try:
        from archspec.editor.server import make_server
    except ModuleNotFoundError as missing:
        if missing.name not in ("pygls", "lsprotocol"):
            raise
        raise UsageError("the language server needs pygls", "help: pip install 'archspec-nn[lsp]'") from None
    from archspec import __version__

    # The server closes its output when it ends; the process's own stays open, and empty.
    with os.fdopen(os.dup(sys.stdout.fileno()), "wb") as out:
        make_server(__version__).start_io(sys.stdin.buffer, out)
    return 0
