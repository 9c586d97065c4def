"""The `archspec` command: which command runs, and how it ends (0 clean, 1 findings, 2 the tool or its use failed).

Only the module of the named command is imported, and commands import what they need when they run: `check` as a
process is meant for every save of a file.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from importlib import import_module
from typing import Any, NoReturn

from archspec.cli import streams
from archspec.cli.output import Styles, UsageError, write_error

COMMANDS = (
    "check",
    "fmt",
    "show",
    "diff",
    "compile",
    "weights",
    "train",
    "evaluate",
    "predict",
    "generate",
    "export",
    "ops",
    "explain",
    "lsp",
)
INTERRUPTED = 130  # what shells expect of a process ended by Ctrl-C


class Parser(argparse.ArgumentParser):
    """argparse, with its complaints raised instead of printed, and no guessing at cut-off options."""

    def __init__(self, **given: Any) -> None:
        super().__init__(**{"allow_abbrev": False, **given})

    def error(self, message: str) -> NoReturn:
        raise UsageError(message, self.format_usage().strip())


def parser(command: str | None) -> argparse.ArgumentParser:
    """The command line. Where the command is known, the other commands are mere names in it."""
    top = Parser(
        prog="archspec",
        description="A declarative architecture compiler for PyTorch.",
        epilog="Exit codes: 0 clean, 1 findings, 2 the tool or its use failed.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    top.add_argument("--version", action="store_true", help="print the version and stop")
    commands = top.add_subparsers(dest="command", metavar="COMMAND", parser_class=Parser)
    for name in COMMANDS:
        if command in (None, name):
            import_module(f"archspec.cli.{name}").add_parser(commands)
    return top


def parse(argv: Sequence[str]) -> argparse.Namespace:
    """The arguments; `run` is the command's function. Raises UsageError."""
    command = next((word for word in argv if not word.startswith("-")), None)
    if command is not None and command not in COMMANDS:
        from archspec.diagnostics.suggest import did_you_mean

        meant = did_you_mean(command, COMMANDS)
        help = f"help: {meant}" if meant else f"help: commands are {', '.join(COMMANDS)}"
        raise UsageError(f"there is no command `{command}`", help)
    top = parser(command)
    args, unknown = top.parse_known_args(argv)
    if unknown:
        raise _unknown(top, args.command, unknown)
    if args.version:
        from archspec import __version__

        print(f"archspec {__version__}")
        raise SystemExit(0)
    if args.command is None:
        top.print_help()
        raise SystemExit(2)
    return args


def _unknown(top: argparse.ArgumentParser, command: str | None, words: list[str]) -> UsageError:
    """The error for words that mean nothing, with the option that was probably meant."""
    from archspec.diagnostics.suggest import did_you_mean

    known = top
    for action in top._actions:
        if isinstance(action, argparse._SubParsersAction) and command is not None:
            known = action.choices[command]
    option = words[0].partition("=")[0]
    meant = did_you_mean(option, known._option_string_actions) if option.startswith("-") else None
    shown = " ".join(words)
    return UsageError(f"`{known.prog}` does not take `{shown}`", f"help: {meant or f'{known.prog} --help'}")


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command line; returns the exit code."""
    streams.prepare()
    try:
        code = outcome(sys.argv[1:] if argv is None else argv)
        sys.stdout.flush()
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        streams.drop()  # whoever read it has gone
        return streams.CUT_OFF
    except OSError as failure:  # of the machine: a full disk, say
        streams.drop()
        return failed(failure)
    return code


def console() -> NoReturn:
    """The command `archspec`: `main` as a process of its own, and of several where torchrun starts it."""
    code = main()
    if "torch.distributed" in sys.modules and os.environ.get("WORLD_SIZE", "1") != "1":
        from archspec.runtime.world import leave

        leave(code)
    raise SystemExit(code)


def outcome(argv: Sequence[str]) -> int:
    """The exit code of a command line. Raises OSError for what no command foresees."""
    try:
        args = parse(argv)
        return int(args.run(args))
    except SystemExit as stop:  # --help, --version
        return stop.code if isinstance(stop.code, int) else 2
    except UsageError as wrong:
        write_error(wrong.code, wrong.message, wrong.notes)
        return 2
    except OSError:
        raise
    except Exception as failure:
        return internal(failure)


def failed(failure: OSError) -> int:
    """The system refused something that no command foresees."""
    where = f"{failure.filename}: " if failure.filename else ""
    with suppress(OSError):  # standard error may be on the same full disk
        _trace()
        write_error("AS901", f"{where}{failure.strerror or failure}", ["ARCHSPEC_DEBUG=1 shows the traceback"])
    return 2


def internal(failure: Exception) -> int:
    """A failure that is ours: one short message, and the traceback where ARCHSPEC_DEBUG asks for it."""
    _trace()
    write_error(
        "AS902",
        f"internal error ({type(failure).__name__}: {failure}); please report it",
        ["ARCHSPEC_DEBUG=1 shows the traceback"],
        Styles.of("auto", sys.stderr),
    )
    return 2


def _trace() -> None:
    if os.environ.get("ARCHSPEC_DEBUG") == "1":
        import traceback

        traceback.print_exc()


if __name__ == "__main__":
    console()
