"""`init` against torch.nn.init called by hand, in the order of the emitted source and with the same seed."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import archspec

NET = """
archspec: 1
name: net
params: {depth: 3, flag: true}
inputs: {x: "float32[B, 8]"}
blocks:
  Wide:
    doc: A chain
    layers: [linear: 16, relu, linear: 8, layer_norm]
  Layer:
    params: {extra: false}
    layers:
      - {name: fc1, linear: 16}
      - relu
      - {name: side, linear: 16, when: $extra}
      - {name: fc2, linear: 8}
layers:
  - {name: wide, Wide: {}}
  - {name: stack, repeat: $depth, sequence: [linear: 8, relu]}
  - {name: plain, repeat: 2, linear: 8}
  - {name: first, Layer: {}}
  - {name: second, Layer: {extra: true}}
  - {name: head, linear: 4}
"""


def spec(init: Any, net: str = NET, **items: Any) -> str:
    for name, value in items.items():
        net = net.replace(f"{{name: {name}, ", f"{{name: {name}, init: {json.dumps(value)}, ")
    return net + (f"init: {json.dumps(init)}\n" if init is not None else "")


def built(text: str, seed: int = 0, **params: Any) -> nn.Module:
    torch.manual_seed(seed)
    return archspec.compile(text, params=params)


def body(text: str, name: str) -> list[str]:
    """The `nn.init` lines of a class."""
    source = archspec.source(text)
    _, _, rest = source.partition(f"class {name}(")
    own = rest.partition("\n\n\n")[0].partition("def forward")[0]
    lines = [line.strip() for line in own.splitlines()]
    return [line for line in lines if line.startswith(("nn.init", "for layer", "if self"))]


def test_by_hand_with_the_same_seed() -> None:
    net = """
archspec: 1
name: net
inputs: {x: "float32[B, 1, 8, 8]"}
layers:
  - name: conv
    conv2d: {out_channels: 4, kernel_size: 3}
    init: {weight: {kaiming_normal: {mode: fan_out, nonlinearity: relu}}, bias: zeros}
  - {name: bn, batch_norm2d: {}, init: {weight: zeros}}
  - flatten
  - {name: fc, linear: 10, init: {weight: {trunc_normal: {std: 0.02}}, bias: {constant: -4.5}}}
"""
    torch.manual_seed(3)
    conv, bn, fc = nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.Linear(144, 10)
    nn.init.kaiming_normal_(conv.weight, mode="fan_out", nonlinearity="relu")
    nn.init.zeros_(conv.bias)
    nn.init.zeros_(bn.weight)
    nn.init.trunc_normal_(fc.weight, std=0.02)
    nn.init.constant_(fc.bias, -4.5)
    expected = {
        **{f"conv.{k}": v for k, v in conv.state_dict().items()},
        **{f"fc.{k}": v for k, v in fc.state_dict().items()},
    }
    found = built(net, seed=3).state_dict()
    assert all(torch.equal(found[k], v) for k, v in expected.items())
    assert not found["bn.weight"].any() and torch.equal(found["bn.bias"], bn.bias)
    assert not torch.equal(built(net, seed=4).state_dict()["fc.weight"], fc.weight)
    assert body(net, "Net") == [
        'nn.init.kaiming_normal_(self.conv.weight, mode="fan_out", nonlinearity="relu")',
        "nn.init.zeros_(self.conv.bias)",
        "nn.init.zeros_(self.bn.weight)",
        "nn.init.trunc_normal_(self.fc.weight, std=0.02)",
        "nn.init.constant_(self.fc.bias, -4.5)",
    ]


FILLED: list[tuple[Any, Any]] = [
    ("zeros", nn.init.zeros_),
    ("ones", nn.init.ones_),
    ({"constant": 0.5}, lambda t: nn.init.constant_(t, 0.5)),
    ({"normal": {"mean": 1, "std": 0.02}}, lambda t: nn.init.normal_(t, mean=1, std=0.02)),
    ({"uniform": {"a": -1}}, lambda t: nn.init.uniform_(t, a=-1)),
    ({"trunc_normal": {"std": 0.5, "a": -0.1, "b": 0.1}}, lambda t: nn.init.trunc_normal_(t, std=0.5, a=-0.1, b=0.1)),
    ("xavier_uniform", nn.init.xavier_uniform_),
    ({"xavier_normal": {"gain": 2}}, lambda t: nn.init.xavier_normal_(t, gain=2)),
    ({"kaiming_uniform": {"a": 2}}, lambda t: nn.init.kaiming_uniform_(t, a=2)),
    ({"kaiming_normal": {"mode": "fan_out"}}, lambda t: nn.init.kaiming_normal_(t, mode="fan_out")),
    ({"orthogonal": {"gain": 3}}, lambda t: nn.init.orthogonal_(t, gain=3)),
    ("eye", nn.init.eye_),
    ({"sparse": 0.5}, lambda t: nn.init.sparse_(t, 0.5)),
]


@pytest.mark.parametrize(("init", "fill"), FILLED, ids=lambda value: json.dumps(value) if not callable(value) else "")
def test_every_initialiser(init: Any, fill: Any) -> None:
    net = 'archspec: 1\nname: n\ninputs: {x: "float32[B, 8]"}\nlayers: [{name: fc, linear: 6}]\n'
    torch.manual_seed(0)
    layer = nn.Linear(8, 6)
    fill(layer.weight)
    assert torch.equal(built(spec({"fc.weight": init}, net)).state_dict()["fc.weight"], layer.weight)


def test_sinusoidal_positions_in_an_embedding() -> None:
    head = 'archspec: 1\nname: n\ninputs: {x: "int64[B, T]"}\n'
    net = head + "layers: [{name: e, embedding: {num_embeddings: 7, embedding_dim: 4}}]\n"
    raw = head + "layers: [{name: e, parameter: {shape: [7, 4], init: sinusoidal}}]\n"
    found = built(spec({"e.weight": "sinusoidal"}, net)).state_dict()["e.weight"]
    assert torch.equal(found, built(raw).state_dict()["e"])


def test_modules_that_begin_alike_share_a_loop() -> None:
    text = spec({"linear": {"weight": {"normal": {"std": 0.02}}, "bias": "zeros"}})
    assert body(text, "Wide") == [
        "for layer in (self[0], self[2]):",
        "nn.init.normal_(layer.weight, std=0.02)",
        "nn.init.zeros_(layer.bias)",
    ]
    assert "for layer in self.stack:" in body(text, "Net") and "for layer in self.plain:" in body(text, "Net")
    for name, parameter in built(text).named_parameters():
        if parameter.ndim == 2:
            assert 0.012 < parameter.std() < 0.028, name
        elif name != "wide.3.weight":
            assert not parameter.any(), name


def test_the_nearest_rule_counts_and_of_one_mapping_the_last() -> None:
    net = NET.replace("    doc: A chain\n", '    init: {"0.weight": {constant: 3}, "2.bias": {constant: 3}}\n').replace(
        "- {name: fc1, linear: 16}", "- {name: fc1, linear: 16, init: {bias: {constant: 4}}}"
    )
    text = spec(
        {"*": {"constant": 1}, "*.bias": {"constant": 2}, "layer_norm": {"weight": {"constant": 5}}},
        net,
        wide={"2": {"constant": 6}},
        first={"*": {"constant": 7}},
    )
    state = {name: float(tensor.detach().flatten()[0]) for name, tensor in built(text).named_parameters()}
    assert state["head.weight"] == 1 and state["head.bias"] == 2
    assert state["wide.0.weight"] == 3 and state["wide.0.bias"] == 2
    assert state["wide.2.bias"] == 3 and state["wide.2.weight"] == 6, "the block's own before that of its item"
    assert state["wide.3.weight"] == 5 and state["wide.3.bias"] == 2
    assert state["first.fc1.bias"] == 4 and state["second.fc1.bias"] == 4
    assert state["first.fc1.weight"] == 7 and state["second.fc1.weight"] == 1


def test_scaled_by_depth() -> None:
    """GPT-2's residual projections, by the depth of the whole; and by the number of the turn, as an argument."""
    text = spec({"*.0.weight": {"normal": {"std": "$(0.1 / (2 * depth) ** 0.5)"}}})
    weight = built(text, depth=8).state_dict()["stack.0.0.weight"]
    assert 0.015 < weight.std() < 0.035  # 0.025, of 64 numbers
    net = NET.replace(
        "{name: stack, repeat: $depth, sequence: [linear: 8, relu]}", "{name: stack, repeat: 3, Layer: {}}"
    )
    text = spec(None, net, stack={"fc2.weight": {"constant": "$(1.0 / (i + 1))"}})
    state = built(text).state_dict()
    assert [float(state[f"stack.{i}.fc2.weight"][0, 0]) for i in range(3)] == pytest.approx([1, 1 / 2, 1 / 3])
    assert "class Layer2" in archspec.source(text), "where it is called otherwise, nothing begins otherwise"


def test_instances_that_lack_a_module() -> None:
    text = spec({"*.side.weight": {"constant": 3}})
    assert body(text, "Layer") == ["if self.side is not None:", "nn.init.constant_(self.side.weight, 3)"]
    assert float(built(text).state_dict()["second.side.weight"][0, 0]) == 3


def test_one_block_of_several_begins_otherwise() -> None:
    text = spec({"second.fc2.bias": "ones"})
    state = built(text).state_dict()
    assert state["second.fc2.bias"].eq(1).all() and not state["first.fc2.bias"].eq(1).any()


def test_tied_parameters_and_raw_ones() -> None:
    net = """
archspec: 1
name: tied
inputs: {x: "int64[B, T]"}
layers:
  - {name: wte, embedding: {num_embeddings: 7, embedding_dim: 4}}
  - {name: scale, parameter: {shape: 4}}
  - {name: shift, parameter: {shape: 4, init: ones}}
  - {mul: {}, from: [wte, scale], name: scaled}
  - {add: {}, from: [scaled, shift]}
  - {name: head, linear: {out_features: 7, bias: false}, tie: {weight: wte.weight}}
"""
    state = built(spec({"linear": {"weight": {"constant": 2}}, "s*": {"constant": 3}}, net)).state_dict()
    assert state["wte.weight"].eq(2).all() and state["head.weight"].eq(2).all()
    assert state["scale"].eq(3).all() and state["shift"].eq(1).all(), "an `init` of its own is the nearest"
    both = {"linear": {"weight": {"constant": 2}}, "embedding": {"weight": {"constant": 4}}}
    assert built(spec(both, net)).state_dict()["head.weight"].eq(4).all(), "where the tensor is made"


def test_without_init_nothing_is_said() -> None:
    assert "nn.init" not in archspec.source(NET)


@pytest.mark.parametrize(
    ("init", "items", "code", "words"),
    [
        ({"*.wieght": "zeros"}, {}, "AS701", "`*.wieght`"),
        ({"lienar": {"weight": "zeros"}}, {}, "AS205", "no initialiser 'weight'"),
        ({"linear": {"weigth": "zeros"}}, {}, "AS701", "of `linear` matches `weigth`"),
        ({"conv2d": {"weight": "zeros"}}, {}, "AS701", "no `conv2d` here"),
        ({"relu": {"weight": "zeros"}}, {}, "AS205", "has no parameters"),
        ({"linear": "zeros"}, {}, "AS205", "an initialiser for each parameter"),
        ({"linear": {"normal": {"std": 1}}}, {}, "AS205", "an initialiser for each parameter"),
        ({"*.weight": "xavier_uniform"}, {}, "AS704", "`wide.3.weight` float32[8]"),
        ({"*.bias": {"normal": {"sd": 1}}}, {}, "AS205", "no argument"),
        ({"*.bias": {"normal": {"std": -1}}}, {}, "AS205", "non-negative"),
        ({"[": "zeros"}, {}, "AS205", "does not close"),
        (["zeros"], {}, "AS205", "takes a mapping"),
        (None, {"head": {"wieght": "zeros"}}, "AS701", "`wieght`"),
        (None, {"head": "zeros"}, "AS205", "takes a mapping"),
        (None, {"first": {"fc3.weight": "zeros"}}, "AS701", "`fc3.weight`"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_at_its_place(init: Any, items: dict[str, Any], code: str, words: str) -> None:
    net = NET.replace("params: {depth: 3, flag: true}", "params: {depth: 3}")
    found = archspec.check(spec(init, net, **items)).diagnostics
    assert [d.code for d in found] == [code], [d.message for d in found]
    assert words in found[0].message


def test_initialisers_are_composed() -> None:
    softplus = "[{uniform: {a: $(log(0.001)), b: $(log(0.1))}}, exp, {clamp: {min: 1e-4}}, expm1, log]"
    text = f"""
archspec: 1
name: composed
inputs: {{x: "float32[B, 8]"}}
layers:
  - {{name: A_log, parameter: {{shape: [3, 5], init: [{{arange: {{start: 1, dim: -1}}}}, log]}}}}
  - {{name: rows, parameter: {{shape: [2, 3, 4], init: {{arange: {{step: 2, dim: 1}}}}}}}}
  - {{name: D, parameter: {{shape: 3, init: [{{values: [1, 2.5, -3]}}, {{mul: 2}}, abs]}}}}
  - {{name: dt, from: x, linear: 8, init: {{bias: {softplus}, weight: [{{normal: {{std: 1}}}}, {{div: 4}}]}}}}
"""
    torch.manual_seed(0)
    made = archspec.compile(text)
    state = made.state_dict()
    assert torch.equal(state["A_log"], torch.arange(1, 6).float().repeat(3, 1).log())
    assert torch.equal(state["rows"], torch.tensor([0.0, 2.0, 4.0])[:, None].expand(2, 3, 4))
    assert torch.equal(state["D"], torch.tensor([2.0, 5.0, 6.0]))
    assert made.A_log.is_contiguous() and made.rows.is_contiguous()
    steps = nn.functional.softplus(state["dt.bias"])
    assert (steps > 0.0009).all() and (steps < 0.11).all() and steps.unique().numel() == 8
    assert 0.15 < state["dt.weight"].std() < 0.35


@pytest.mark.parametrize(
    ("init", "words"),
    [
        ([], "an empty list"),
        (["log"], "there is no initialiser 'log'"),
        (["zeros", "lgo"], "there is no function 'lgo'"),
        (["zeros", 3], "expected a function, got 3"),
        (["zeros", {"mul": {}}], "`mul` needs `other`"),
        ([{"arange": {"dim": 2}}, "log"], "`dim: 2` of 1 dimensions"),
    ],
)
def test_what_is_no_composition_is_said(init: Any, words: str) -> None:
    found = archspec.check(spec(None, NET.replace("{depth: 3, flag: true}", "{depth: 3}"), head={"bias": init}))
    assert any(words in d.message for d in found.diagnostics), [d.message for d in found.diagnostics]


def test_use_and_unnamed_structures_take_none() -> None:
    for item in ("{use: head, init: {weight: zeros}}", "{residual: [{name: r, linear: 8}], init: {weight: zeros}}"):
        found = archspec.check(
            NET.replace("{name: head, linear: 4}", "{name: head, linear: 8}") + f"  - {item}\n"
        ).diagnostics
        assert [d.code for d in found if d.is_error] == ["AS201"], [d.message for d in found]


def test_extends_merges_the_rules(tmp_path: Path) -> None:
    (tmp_path / "base.yaml").write_text(
        spec({"*.weight": {"constant": 1}, "*.bias": {"constant": 1}}), encoding="utf-8"
    )
    mine = 'archspec: 1\nname: mine\nextends: base.yaml\ninit: {"*.bias": {constant: 2}}\n'
    (tmp_path / "mine.yaml").write_text(mine, encoding="utf-8")
    state = archspec.compile(tmp_path / "mine.yaml").state_dict()
    assert state["head.weight"].eq(1).all() and state["head.bias"].eq(2).all()


def test_the_source_is_formatted(tmp_path: Path) -> None:
    rules: dict[str, Any] = {
        "linear": {
            "weight": {"trunc_normal": {"std": 0.0123456789, "a": -0.0246913578, "b": 0.0246913578}},
            "bias": "zeros",
        }
    }
    long = NET.replace("name: fc", "name: a_rather_long_name_for_a_fully_connected_layer_")
    for number, text in enumerate((spec(rules), spec(rules, long), spec({"*.side.weight": {"constant": 3}}))):
        (tmp_path / f"m{number}.py").write_text(archspec.source(text), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "ruff", "format", "--isolated", "--diff", str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
