"""`archspec ops`: every op is listed and described, and docs/ops.md says the same."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from archspec.cli import reference
from archspec.cli.declared import describe
from archspec.cli.output import Styles
from archspec.ops.registry import all_ops
from archspec.ops.words import doc

ROOT = Path(__file__).parents[2]
PLAIN = Styles(on=False)


def test_listing(archspec: Any) -> None:
    done = archspec("ops")
    assert done.returncode == 0
    listed = {line.split()[0] for line in done.stdout.splitlines() if line.startswith("  ")}
    assert listed == set(all_ops())


def test_one_op(archspec: Any) -> None:
    done = archspec("ops", "conv2d", "lstm")
    assert done.returncode == 0
    for words in ("torch.nn.Conv2d", "out_channels", "required", "default 1", "torch.nn.LSTM", "bidirectional"):
        assert words in done.stdout


def test_an_unknown_op(archspec: Any) -> None:
    done = archspec("ops", "conv2")
    assert done.returncode == 2
    assert "there is no op `conv2`" in done.stderr
    assert "did you mean" in done.stderr


def test_a_name_of_pytorchs(archspec: Any) -> None:
    done = archspec("ops", "torch.nn.Conv2d")
    assert done.returncode == 0
    assert "out_channels" in done.stdout
    for name, help in {
        "bmm": "PyTorch's `torch.bmm` is `matmul`",
        "Tensor.view": "PyTorch's `torch.Tensor.view` is `reshape`",
        "torch.nonzero": "`torch.nonzero` is no op: how large",
    }.items():
        done = archspec("ops", name)
        assert done.returncode == 2
        assert help in done.stderr


@pytest.mark.parametrize("name", sorted(all_ops()))
def test_every_op_is_documented(name: str) -> None:
    """One sentence on the op, one on each argument, and an example to copy."""
    op = all_ops()[name]
    assert doc(op).rstrip().endswith((".", "?", ":", "`")), "a sentence"
    assert op.examples
    assert [arg.name for arg in op.args.values() if not arg.doc] == []
    described = describe(op, PLAIN)
    assert all(arg.name in described for arg in op.args.values())


def test_the_reference_is_up_to_date(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    assert reference.main(["--check"]) == 0


def test_an_outdated_reference_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert reference.main(["--check"]) == 1, "nothing there"
    assert reference.main([]) == 0
    assert reference.main(["--check"]) == 0
    path = tmp_path / "docs" / "ops.md"
    path.write_text(path.read_text(encoding="utf-8").replace("conv2d", "conv2e", 1), encoding="utf-8")
    assert reference.main(["--check"]) == 1
