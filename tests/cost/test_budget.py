"""What a model costs in bytes and at given sizes, against measured networks; and budgets."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

import spec_files
from archspec import pipeline
from archspec.cli.main import main
from archspec.cost.amounts import BadAmountError, count, size
from archspec.cost.at_sizes import FlopsAt
from archspec.cost.costliest import costliest
from archspec.dims import Dim

ROOT = Path(__file__).parents[2]
DATA = {path.stem: path for path in sorted((ROOT / "tests" / "golden" / "data").glob("*.json"))}
SPECS = {path.stem: path for path in spec_files.SPECS}
ITEMSIZE = {"float32": 4, "float64": 8, "int64": 8, "bool": 1}
NET = """\
archspec: 1
name: net
inputs: {{x: "float32[B, 3, H, W]"}}
budget: {budget}
layers:
  - {{name: stem, conv2d: {{out_channels: 8, kernel_size: 3, bias: false}}}}
  - {{name: body, conv2d: {{out_channels: 16, kernel_size: 1, bias: false}}}}
"""
PARAMS = 8 * 3 * 9 + 16 * 8  # 216 and 128


@pytest.mark.parametrize("name", sorted(SPECS.keys() & DATA.keys()))
def test_cost_of_published_networks(name: str) -> None:
    """Bytes by the names, shapes and dtypes of the reference's state_dict; FLOPs as PyTorch counted them."""
    reference = json.loads(DATA[name].read_text(encoding="utf-8"))
    report = pipeline.check(SPECS[name])
    sizes = {
        str(size): actual
        for type_, given in zip(report.inputs.values(), reference["inputs"].values(), strict=True)
        for size, actual in zip(type_.shape, given["shape"], strict=True)
        if isinstance(size, Dim)
    }
    assert report.typed is not None
    assert FlopsAt(sizes).of(report.typed) == reference["flops"]
    again = {other for names in reference["tied"] for other in names[1:]}
    held = sum(math.prod(shape) * ITEMSIZE[dtype] for key, shape, dtype in reference["state"] if key not in again)
    cost = report.costs.of(report.typed)
    assert cost.state_bytes == held
    assert cost.param_bytes == reference["parameters"]["total"] * 4, "all are float32"


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("5M", 5_000_000), ("2.5G", 2_500_000_000), ("7B", 7_000_000_000), ("1T", 10**12), ("800k", 800_000),
        ("800_000", 800_000), ("12", 12), (12, 12), (5e6, 5_000_000), ("0.5K", 500), ("1.0001K", 1000),
        ("5 M", 5_000_000), ("5m", 5_000_000), (0, 0),
    ],
)  # fmt: skip
def test_counts(text: Any, number: int) -> None:
    assert count(text) == number


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("100MB", 100_000_000), ("100MiB", 100 * 2**20), ("1GiB", 2**30), ("4kB", 4000), ("20M", 20_000_000), ("7B", 7),
        ("7", 7), (7, 7), ("1.5KiB", 1536),
    ],
)  # fmt: skip
def test_sizes(text: Any, number: int) -> None:
    assert size(text) == number


@pytest.mark.parametrize(
    "text",
    [
        "",
        "M",
        "-5",
        "5MM",
        "5 million",
        "five",
        "1e9",
        "5MB",
        "٥",
        "9" * 50,
        "inf",
        float("nan"),
        float("inf"),
        -1,
        2**63,
    ],
)
def test_what_is_no_count(text: Any) -> None:
    with pytest.raises(BadAmountError):
        count(text)


def found(budget: str, params: dict[str, Any] | None = None) -> list[tuple[str, int, int]]:
    """(code, line, column) of what is wrong with `NET` under a budget."""
    return [(d.code, d.span.line, d.span.col) for d in pipeline.check(NET.format(budget=budget), params).diagnostics]


@pytest.mark.parametrize(
    "budget",
    [
        f"{{params: {PARAMS}}}",
        f"{{param_bytes: {4 * PARAMS}, state_bytes: {4 * PARAMS}}}",
        # 2 * 216 for each of 6 x 6 places, 2 * 128 for each
        f"{{flops: {2 * 36 * PARAMS}, at: {{H: 8, W: 8}}}}",
        f"{{flops: {2 * 3 * 36 * PARAMS}, at: {{B: 3, H: 8, W: 8}}}}",
        "{at: {H: 8}}",
    ],
)
def test_kept(budget: str) -> None:
    assert found(budget) == []


@pytest.mark.parametrize(
    ("budget", "code", "column"),
    [
        (f"{{params: {PARAMS - 1}}}", "AS601", 18),
        (f"{{param_bytes: {4 * PARAMS - 1}}}", "AS601", 23),
        (f"{{state_bytes: {4 * PARAMS - 1}}}", "AS601", 23),
        (f"{{flops: {2 * 36 * PARAMS - 1}, at: {{H: 8, W: 8}}}}", "AS601", 17),
        ("{flops: 1G}", "AS602", 17),
        ("{flops: 1G, at: {H: 8}}", "AS602", 17),
        ("{flops: 1G, at: {H: 8, W: 2}}", "AS603", 35),
        ("{at: {H: 2, W: 8}}", "AS603", 18),
        ("{flops: 1G, at: {H: 8, W: 8, T: 8}}", "AS206", 38),
        ("{params: lots}", "AS205", 18),
        ("{params: -1}", "AS205", 18),
        ("{params: [1]}", "AS205", 18),
        ("{params: true}", "AS205", 18),
        ("{params: $(0 - 5)}", "AS205", 18),
        ("{flops: 1G, at: {H: 0, W: 8}}", "AS205", 29),
        ("{flops: 1G, at: {H: 1.5, W: 8}}", "AS205", 29),
        ("{flops: 1G, at: 8}", "AS205", 25),
        ("{parms: 5M}", "AS201", 10),
        ("{params: $limit}", "AS209", 19),
        ("{}", "AS205", 9),
        ("5M", "AS205", 9),
    ],
)
def test_over_or_wrong(budget: str, code: str, column: int) -> None:
    """One error, at its place in the section."""
    codes = found(budget)
    assert codes[0] == (code, 4, column)
    assert {found_code for found_code, _, _ in codes} <= {code, "AS602"}


def test_a_promise_is_kept_to() -> None:
    text = NET.format(budget="{flops: 1G, at: {H: 48, W: 64}}\nsymbols: {H: {multiple_of: 32}}")
    (d,) = pipeline.check(text).diagnostics
    assert (d.code, d.message) == ("AS603", "the model cannot have H = 48: it needs H % 32 == 0")


def test_a_parameter_in_a_budget() -> None:
    text = NET.format(budget="{params: $limit}\nparams: {limit: 1000}")
    assert pipeline.check(text).ok
    (d,) = pipeline.check(text, {"limit": 10}).diagnostics
    assert d.code == "AS601"


def test_the_parts_that_cost_most() -> None:
    report = pipeline.check(NET.format(budget="{params: 100}"))
    (d,) = report.diagnostics
    assert d.message == "the model has 344 parameters, and its budget is 100"
    assert d.label == "244 too many"
    assert d.notes == ("most of it is in stem: 216 (63%); body: 128 (37%)",)
    assert [(label.span.line, label.text) for label in d.secondary] == [(6, "216 in stem"), (7, "128 in body")]


def test_parts_of_repeated_blocks() -> None:
    """GPT-2: the embedding is the greatest single part, and the blocks, all equal, are more together."""
    report = pipeline.check(SPECS["gpt2"])
    assert report.typed is not None
    typed, costs = report.typed, report.costs

    def parameters(done: Any, *call: Any) -> int:
        return 0 if done.node.shared is not None else costs.of_call(done, *call).parameters

    parts = costliest(typed, parameters, most=100)
    assert sum(part.cost for part in parts) == 124_439_808
    tops = [(part.path, part.cost, part.times) for part in parts[:3]]
    # per block 7,087,872: 4 * 768^2 + 4 * 768 of attention, 8 * 768^2 + 5 * 768 of the MLP, 4 * 768 of the norms
    assert tops == [
        ("transformer.h.0 … 11.mlp", 12 * (8 * 768**2 + 5 * 768), 12),
        ("transformer.wte", 50257 * 768, 1),
        ("transformer.h.0 … 11.attn", 12 * (4 * 768**2 + 4 * 768), 12),
    ]


def test_a_budget_that_is_inherited(tmp_path: Path) -> None:
    (tmp_path / "base.yaml").write_text(NET.format(budget="{params: 10, flops: 1G, at: {H: 8, W: 8}}"))
    for own, codes in (("{params: 1K}", []), ("{params: null}", []), ("null", []), ("{flops: 1}", ["AS601", "AS601"])):
        (tmp_path / "own.yaml").write_text(f"archspec: 1\nextends: base.yaml\nbudget: {own}\n")
        report = pipeline.check(tmp_path / "own.yaml")
        assert [d.code for d in report.diagnostics] == codes, own


# -- on the command line ---------------------------------------------------------------------------------------------


def run(capsys: pytest.CaptureFixture[str], *args: str | Path) -> tuple[int, str, str]:
    code = main(["check", *map(str, args)])
    printed = capsys.readouterr()
    return code, printed.out, printed.err


def test_options(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spec = tmp_path / "net.yaml"
    spec.write_text(NET.format(budget="{params: 10}"))
    assert run(capsys, spec)[0] == 1
    code, out, _ = run(capsys, spec, "--max-params", "1K", "--at", "H=8,W=8")
    assert code == 0, "the command line goes first"
    assert "344 parameters  24,768 FLOPs at B = 1, H = 8, W = 8  x: float32[B, 3, H, W]" in out
    code, out, _ = run(capsys, spec, "--max-params", "1K", "--max-flops", "10K", "--at", "H=8", "--at", "W=8,B=2")
    assert code == 1
    assert "error[AS601]: the model has 49,536 FLOPs at B = 2, H = 8, W = 8, and its budget is 10,000" in out
    assert "--> --max-flops:1:1" in out
    code, out, _ = run(capsys, spec, "--max-params=1K", "--max-flops=1K")
    assert code == 1
    assert "error[AS602]" in out
    assert "help: --at H=224,W=224" in out
    for option in ("--max-param-bytes", "--max-state-bytes"):
        assert run(capsys, spec, "--max-params=1K", option, "1kB")[0] == 1
        assert run(capsys, spec, "--max-params=1K", option, "2KiB")[0] == 0


def test_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spec = tmp_path / "net.yaml"
    spec.write_text(NET.format(budget="{params: 1K}"))
    model = json.loads(run(capsys, spec, "--format=json", "--at=H=8,W=8")[1])["specs"][0]["model"]
    assert (model["flops"], model["sizes"]) == (24_768, {"B": 1, "H": 8, "W": 8})


@pytest.mark.parametrize(
    "options",
    [
        ("--max-params", "lots"),
        ("--max-flops", "-1"),
        ("--at", "H"),
        ("--at", "H=0"),
        ("--at", "H=8,H=9"),
        ("--at", "H=x"),
    ],
)
def test_options_that_cannot_be_read(tmp_path: Path, options: tuple[str, str], capsys: Any) -> None:
    spec = tmp_path / "net.yaml"
    spec.write_text(NET.format(budget="{params: 1K}"))
    code, out, err = run(capsys, spec, *options)
    assert (code, out) == (2, "")
    assert err.startswith("error[AS901]: ")


def test_sizes_that_only_some_specs_have(capsys: pytest.CaptureFixture[str]) -> None:
    """They are for those; a size that none has is a slip."""
    both = (SPECS["resnet18"], SPECS["gpt2"])
    code, out, _ = run(capsys, *both, "--at", "H=64,W=64,T=16")
    assert code == 0
    assert out.count("FLOPs at") == 2
    code, _, err = run(capsys, *both, "--at", "H=64,W=64,TT=16")
    assert code == 2
    assert "help: sizes: B, H, T, W" in err


def test_flops_of_a_scan_at_sizes() -> None:
    """As often as there are steps: for each of T a product of [B, 8 + 4] with [12, 4]."""
    report = pipeline.check(
        'archspec: 1\nname: s\ninputs: {x: "float32[B, T, 8]"}\nbudget: {flops: 900, at: {T: 5, B: 2}}\nlayers:\n'
        "  - {name: start, zeros: {shape: [$B, 4], like: x}}\n"
        "  - scan:\n      carry: {h: start}\n      body:\n        - {concat: {dim: -1}, from: [x, h]}\n"
        "        - {name: cell, linear: 4}\n        - {name: h, tanh: {}}\n    from: x\n"
    )
    (d,) = report.diagnostics
    assert d.message == f"the model has {5 * 2 * 2 * 12 * 4:,} FLOPs at B = 2, T = 5, and its budget is 900"
    assert d.notes == ("most of it is in cell: 960 (100%)",)


def test_flops_of_joined_turns() -> None:
    """Two products of [B, 4, 4] with [4, 4], and the one that joins them: 2 * 4 * 4 * 4 each, for each of B."""
    report = pipeline.check(
        'archspec: 1\nname: s\ninputs: {x: "float32[B, 4, 4]"}\nbudget: {flops: 900, at: {B: 3}}\nlayers:\n'
        "  - {name: a, linear: {out_features: 4, bias: false}, repeat: 2, merge: matmul}\n"
    )
    (d,) = report.diagnostics
    assert d.message == f"the model has {3 * 3 * 2 * 4 * 4 * 4:,} FLOPs at B = 3, and its budget is 900"
    free = pipeline.check(
        'inputs: {x: "float32[B, 4, 4]"}\nlayers:\n  - {name: a, linear: 4, repeat: 2, merge: matmul}\n'
    )
    assert str(free.flops) == f"{3 * 2 * 4 * 4 * 4}*B"
    assert sum((row.flops or 0 for row in free.rows), start=0) == free.flops


def test_what_forward_does_not_call_costs_parameters_and_no_flops() -> None:
    text = """
inputs: {x: "float32[B, 8]"}
blocks:
  Head: {layers: [{name: fc, linear: 4}, tanh]}
layers:
  - {name: kept, forward: false, Head: {}}
  - {name: turns, forward: false, repeat: 3, linear: 8}
  - {name: joined, forward: false, repeat: 2, merge: add, linear: 8}
  - {name: out, linear: 2}
"""
    report = pipeline.check(text)
    assert report.ok and not report.diagnostics
    assert report.typed is not None and isinstance(report.flops, Dim)
    assert report.parameters == (8 * 4 + 4) + 5 * (8 * 8 + 8) + (8 * 2 + 2)
    assert report.flops.evaluate({"B": 3}) == 3 * 2 * 8 * 2
    assert FlopsAt({"B": 3}).of(report.typed) == 3 * 2 * 8 * 2
