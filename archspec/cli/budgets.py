"""What a model may cost, said on the command line."""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

from archspec.cli.output import UsageError

if TYPE_CHECKING:
    from archspec.cost.budget import Budget
    from archspec.diagnostics.outcome import Outcome

_SIZE = re.compile(r"\s*([A-Za-z_]\w*)\s*=\s*([0-9]{1,18})\s*")
_OPTIONS = {
    "--max-params": ("5M", "more than this many parameters are an error"),
    "--max-flops": ("2G", "more FLOPs of one forward pass are an error (a multiply-add is 2)"),
    "--max-param-bytes": ("20MB", "more bytes of parameters are an error"),
    "--max-state-bytes": ("20MB", "more bytes of parameters and buffers are an error"),
}


def add_budget(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("budget", "Limits, written as 5M or 100MB. They go before those of a spec.")
    for option, (example, words) in _OPTIONS.items():
        group.add_argument(option, metavar=example, help=words)
    add_at(group)


def add_at(parser: argparse._ActionsContainer) -> None:
    parser.add_argument(
        "--at",
        metavar="SIZES",
        action="append",
        default=[],
        help="sizes at which FLOPs are counted (repeatable): --at H=224,W=224; B is 1 if not given",
    )


def budget(args: argparse.Namespace) -> Budget | None:
    """What the options say, None if nothing. Raises UsageError."""
    options = {option: text for option in _OPTIONS if (text := getattr(args, option[2:].replace("-", "_"))) is not None}
    at = sizes(args.at)
    if not options and not at:
        return None
    from archspec.cost.amounts import BadAmountError
    from archspec.cost.budget import given

    try:
        return given(options, at)
    except BadAmountError as bad:
        raise UsageError(str(bad)) from None


def sizes(given: Iterable[str]) -> dict[str, int]:
    """`["H=224,W=224"]` as sizes. Raises UsageError."""
    out: dict[str, int] = {}
    for text in given:
        for part in text.split(","):
            found = _SIZE.fullmatch(part)
            if found is None or int(found[2]) < 1:
                raise UsageError(f"`--at {text}` is not of the form H=224,W=224")
            if found[1] in out:
                raise UsageError(f"--at gives `{found[1]}` twice")
            out[found[1]] = int(found[2])
    return out


def refuse_unknown(given: Iterable[str], outcomes: Iterable[Outcome]) -> None:
    """Raise UsageError for a size of --at that no spec has. One that only some have is meant for those."""
    models = [outcome.model for outcome in outcomes]
    known = {
        name
        for model in models
        if model is not None
        for tensor in model.inputs
        for size in tensor.shape
        for name in re.findall(r"[A-Za-z_]\w*", str(size))
    }
    if not models or None in models:  # what has errors may have the size
        return
    for name in sizes(given):
        if name not in known:
            from archspec.diagnostics.suggest import did_you_mean

            help = did_you_mean(name, known) or (f"sizes: {', '.join(sorted(known))}" if known else "all are numbers")
            raise UsageError(f"--at: no input has a size `{name}`", f"help: {help}")
