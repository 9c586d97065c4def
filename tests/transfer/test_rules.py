"""Each rule of `weights` against the same thing done by hand with torch."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn
from transfer_cases import NET, built, load, same, save, write

from archspec import pipeline
from archspec.model.transfer import WeightsError
from archspec.transfer.report import Status

QKV = """
archspec: 1
name: qkv
inputs: {x: "float32[B, T, 12]"}
layers:
  - {name: attn.q, linear: 12, from: x}
  - {name: attn.k, linear: 12, from: x}
  - {name: attn.v, linear: 12, from: x}
outputs: {q: attn.q, k: attn.k, v: attn.v}
"""
GQA = QKV.replace("k, linear: 12", "k, linear: 4").replace("v, linear: 12", "v, linear: 4")
FUSED = """
archspec: 1
name: fused
inputs: {x: "float32[B, T, 12]"}
layers: [{name: attn, sequence: [{name: qkv, linear: 36}]}]
"""


def test_a_file_of_the_models_own_names(tmp_path: Path) -> None:
    source = built()
    save(tmp_path, source.state_dict())
    module, report = load(write(tmp_path, "w.safetensors"))
    assert same(module.state_dict(), source.state_dict())
    assert report.counts == {"loaded": 11} and not report.findings


def test_renaming_in_order(tmp_path: Path) -> None:
    source = built().state_dict()
    theirs = {
        f"net.{key.replace('body.', 'layers.').replace('norm.weight', 'norm.gamma')}": t for key, t in source.items()
    }
    save(tmp_path, theirs)
    rules = {"net.*": "*", "*.gamma": "*.weight", "layers": "body"}
    module, report = load(write(tmp_path, {"file": "w.safetensors", "rename": rules}))
    assert same(module.state_dict(), source)
    gamma = next(line for line in report.lines if line.name == "norm.weight")
    assert gamma.how == "from `net.norm.gamma`"
    rules = {"net": "", "*.gamma": "*.weight", "layers": "body"}
    module, _ = load(write(tmp_path, {"file": "w.safetensors", "rename": rules}))
    assert same(module.state_dict(), source)


def test_transposed_matrices_and_permuted_tensors(tmp_path: Path) -> None:
    net = NET.replace("layers:\n", "layers:\n  - {name: p, parameter: {shape: [2, 3, 5]}}\n").replace(
        "{name: body, ", "{name: body, from: x, "
    )
    source = built(net).state_dict()
    theirs = {
        k: t.T if k.startswith("body") and t.ndim == 2 else t.permute(1, 2, 0) if k == "p" else t
        for k, t in source.items()
    }
    save(tmp_path, theirs)
    rules = {"body": [1, 0], "p": [2, 0, 1]}
    module, _ = load(write(tmp_path, {"file": "w.safetensors", "transpose": rules}, net))
    assert same(module.state_dict(), source)
    # The plain form transposes matrices and leaves biases.
    save(tmp_path, {k: t.T if k.startswith("body") and t.ndim == 2 else t for k, t in source.items()})
    module, _ = load(write(tmp_path, {"file": "w.safetensors", "transpose": ["body"]}, net))
    assert same(module.state_dict(), source)


@pytest.mark.parametrize("net", [QKV, GQA])
def test_a_fused_projection_is_split_by_the_sizes_that_the_model_has(tmp_path: Path, net: str) -> None:
    source = built(net).state_dict()
    fused = {f"attn.qkv.{w}": torch.cat([source[f"attn.{k}.{w}"] for k in "qkv"]) for w in ("weight", "bias")}
    save(tmp_path, fused)
    rule = {"*.qkv.*": {"into": ["{1}.q.{2}", "{1}.k.{2}", "{1}.v.{2}"]}}
    module, report = load(write(tmp_path, {"file": "w.safetensors", "split": rule}, net))
    assert same(module.state_dict(), source)
    assert report.counts == {"loaded": 6}


def test_a_transposed_fused_projection_as_gpt2_has_it(tmp_path: Path) -> None:
    source = built(GQA).state_dict()
    fused = {
        "h.c_attn.weight": torch.cat([source[f"attn.{k}.weight"].T for k in "qkv"], 1),
        "h.c_attn.bias": torch.cat([source[f"attn.{k}.bias"] for k in "qkv"]),
    }
    save(tmp_path, fused)
    section = {
        "file": "w.safetensors",
        "split": {
            "h.c_attn.weight": {"into": [f"attn.{k}.weight" for k in "qkv"], "dim": 1},
            "h.c_attn.bias": {"into": [f"attn.{k}.bias" for k in "qkv"]},
        },
        "transpose": ["attn"],
    }
    module, report = load(write(tmp_path, section, GQA))
    assert same(module.state_dict(), source)
    rows = {k: len(source[f"attn.{k}.bias"]) for k in "qkv"}
    (told,) = (line.how for line in report.lines if line.name == "attn.k.bias")
    assert told == f"from `h.c_attn.bias` ({rows['q']}:{rows['q'] + rows['k']} of {sum(rows.values())})"


def test_parts_within_each_head_as_gpt_neox_has_them(tmp_path: Path) -> None:
    """[heads, 3, head size]: https://github.com/EleutherAI/gpt-neox stores q, k and v of a head side by side."""
    source = built(QKV).state_dict()
    heads = [source[f"attn.{k}.weight"].view(3, 4, 12) for k in "qkv"]
    biases = [source[f"attn.{k}.bias"].view(3, 4) for k in "qkv"]
    fused = {
        "attn.qkv.weight": torch.stack(heads, 1).reshape(36, 12),
        "attn.qkv.bias": torch.stack(biases, 1).reshape(36),
    }
    save(tmp_path, fused)
    rule = {"attn.qkv.*": {"into": ["attn.q.*", "attn.k.*", "attn.v.*"], "groups": 3}}
    module, _ = load(write(tmp_path, {"file": "w.safetensors", "split": rule}, QKV))
    assert same(module.state_dict(), source)
    # And back.
    save(tmp_path, source)
    rule = {"attn.qkv.*": {"from": ["attn.q.*", "attn.k.*", "attn.v.*"], "groups": 3}}
    module, _ = load(write(tmp_path, {"file": "w.safetensors", "concat": rule}, FUSED))
    assert same(module.state_dict(), fused)


def test_concat(tmp_path: Path) -> None:
    source = built(QKV).state_dict()
    save(tmp_path, source)
    rule = {"*.qkv.*": {"from": ["{1}.q.{2}", "{1}.k.{2}", "{1}.v.{2}"]}}
    module, report = load(write(tmp_path, {"file": "w.safetensors", "concat": rule}, FUSED))
    assert torch.equal(module.attn.qkv.weight, torch.cat([source[f"attn.{k}.weight"] for k in "qkv"]))  # type: ignore[union-attr]
    assert report.lines[0].how == "from `attn.q.weight`, `attn.k.weight`, `attn.v.weight`"


def test_rules_that_nothing_answers_to_and_parts_that_are_not_there_are_told(tmp_path: Path) -> None:
    theirs = {key: tensor for key, tensor in built(QKV).state_dict().items() if "attn.v" not in key}
    save(tmp_path, {f"enc.{key}": tensor for key, tensor in theirs.items()})
    rules = {
        "file": "w.safetensors",
        "ignore": ["heads.*"],
        "rename": {"encoder.*": "*", "enc.*": "*"},
        "split": {"*.fused.*": {"into": ["*.a.*", "*.b.*"]}},
        "concat": {"attn.qkv.*": {"from": ["attn.q.*", "attn.k.*", "attn.v.*"]}},
    }
    checked = pipeline.check(write(tmp_path, rules, FUSED))
    (error,) = checked.diagnostics
    assert "`attn.qkv.weight` [36, 12] is not in the file: of its parts, the file has no `attn.v.weight`" in error.notes
    assert error.notes[-3:] == (
        "`ignore`: no tensor of the file is called `heads.*`",
        "`rename`: no tensor of the file is called `encoder.*`",
        "`split`: no tensor of the file is called `*.fused.*`",
    )


def test_a_linear_layer_as_a_convolution(tmp_path: Path) -> None:
    net = """
archspec: 1
name: c
inputs: {x: "float32[B, 3, H, W]"}
layers: [{name: c, conv2d: {out_channels: 4, kernel_size: 1}}]
"""
    source = built(net).state_dict()
    save(tmp_path, {"c.weight": source["c.weight"].flatten(1), "c.bias": source["c.bias"]})
    module, _ = load(write(tmp_path, {"file": "w.safetensors", "reshape": "c.weight"}, net))
    assert same(module.state_dict(), source)


def test_a_new_head(tmp_path: Path) -> None:
    source = built().state_dict()
    save(tmp_path, source)
    path = write(tmp_path, {"file": "w.safetensors", "fresh": ["head"]})
    module, report = load(path, {"classes": 3})
    torch.manual_seed(0)
    expected = pipeline_model(path, classes=3).state_dict()
    assert torch.equal(module.state_dict()["head.weight"], expected["head.weight"]), "as without weights"
    assert torch.equal(module.state_dict()["body.2.weight"], source["body.2.weight"])
    assert report.counts == {"loaded": 9, "fresh": 2, "ignored": 2}
    found = pipeline.check(write(tmp_path, "w.safetensors"), {"classes": 3}).diagnostics
    assert [d.code for d in found] == ["AS703"]
    assert found[0].help is not None and "fresh: head" in found[0].help
    module, report = load(write(tmp_path, {"file": "w.safetensors", "strict": False}), {"classes": 3})
    assert report.counts == {"loaded": 9, "wrong shape": 2}
    assert torch.equal(module.state_dict()["head.weight"], expected["head.weight"])


def pipeline_model(path: Path, **params: int) -> nn.Module:
    from archspec.model.build import from_source

    return from_source(pipeline.emitted(pipeline.check(path, params)))


def test_what_is_ignored_is_told(tmp_path: Path) -> None:
    state = {**built().state_dict(), "teacher.fc.weight": torch.zeros(2)}
    save(tmp_path, state)
    assert not pipeline.check(write(tmp_path, "w.safetensors")).ok
    _, report = load(write(tmp_path, {"file": "w.safetensors", "ignore": "teacher"}))
    assert report.counts == {"loaded": 11, "ignored": 1}


def test_old_files_without_the_counter_of_batches(tmp_path: Path) -> None:
    """PyTorch takes such files too: torch.nn.modules.batchnorm, version 2 of the state."""
    state = {k: t for k, t in built().state_dict().items() if "num_batches" not in k}
    save(tmp_path, state)
    _, report = load(write(tmp_path, "w.safetensors"))
    assert report.counts == {"loaded": 10, "kept": 1} and not report.findings


def test_dtypes_are_converted_and_told(tmp_path: Path) -> None:
    source = built().state_dict()
    halved = {k: t.half() if t.is_floating_point() else t for k, t in source.items()}
    save(tmp_path, halved)
    module, report = load(write(tmp_path, "w.safetensors"))
    assert torch.equal(module.state_dict()["head.weight"], source["head.weight"].half().float())
    assert report.converted == {"float16 → float32": 10}
    save(tmp_path, {k: t.to(torch.int8) if k == "head.weight" else t for k, t in source.items()})
    (found,) = pipeline.check(write(tmp_path, "w.safetensors")).diagnostics
    assert "wrong dtype" in found.message and "int8 → float32" in found.notes[0]


def test_values_that_are_not_finite(tmp_path: Path) -> None:
    for strict in (True, False):
        state = built().state_dict()
        state["body.0.weight"][2, 3] = float("nan")
        state["head.bias"][0] = float("-inf")
        save(tmp_path, state)
        with pytest.raises(WeightsError) as caught:
            load(write(tmp_path, {"file": "w.safetensors", "strict": strict}))
        assert caught.value.report is not None
        bad = {line.name: line.how for line in caught.value.report.findings}
        assert bad == {"body.0.weight": "1 of its values are not finite", "head.bias": "1 of its values are not finite"}


def test_tied_tensors(tmp_path: Path) -> None:
    net = """
archspec: 1
name: tied
inputs: {x: "int64[B, T]"}
layers:
  - {name: wte, embedding: {num_embeddings: 7, embedding_dim: 4}}
  - {name: head, linear: {out_features: 7, bias: false}, tie: {weight: wte.weight}}
"""
    table = torch.randn(7, 4)
    for state in ({"wte.weight": table}, {"head.weight": table}, {"wte.weight": table, "head.weight": table}):
        save(tmp_path, state)
        module, report = load(write(tmp_path, "w.safetensors", net))
        assert torch.equal(module.state_dict()["wte.weight"], table)
        assert report.counts == {"loaded": 2}
    save(tmp_path, {"wte.weight": table, "head.weight": table + 1})
    with pytest.raises(WeightsError) as caught:
        load(write(tmp_path, "w.safetensors", net))
    assert caught.value.report is not None
    assert [line.status for line in caught.value.report.findings] == [Status.DIFFERS]


def test_advice_where_all_names_differ_by_a_prefix(tmp_path: Path) -> None:
    source = built().state_dict()
    save(tmp_path, {f"encoder.{k}": t for k, t in source.items()})
    (found,) = pipeline.check(write(tmp_path, "w.safetensors")).diagnostics
    assert found.help is not None and 'rename: {"encoder.*": "*"}' in found.help
    save(tmp_path, {k.removeprefix("body."): t for k, t in source.items() if k.startswith("body.")})
    (found,) = pipeline.check(write(tmp_path, "w.safetensors")).diagnostics
    assert found.help is not None and 'rename: {"*": "body.*"}' in found.help


def test_advice_where_a_module_does_not_fit(tmp_path: Path) -> None:
    source = built().state_dict()
    save(
        tmp_path, {k: t for k, t in source.items() if not k.startswith("head.")} | {"pooler.dense.bias": torch.ones(2)}
    )
    (found,) = pipeline.check(write(tmp_path, "w.safetensors")).diagnostics
    assert found.help is not None
    assert "`fresh: head` initialises anew" in found.help and "`ignore: pooler.dense` leaves in the file" in found.help
    fits = pipeline.check(write(tmp_path, {"file": "w.safetensors", "fresh": "head", "ignore": "pooler.dense"}))
    assert fits.ok
    save(tmp_path, {"head.bias": source["head.bias"], "pooler.dense.bias": torch.ones(2)})
    (found,) = pipeline.check(write(tmp_path, "w.safetensors")).diagnostics
    assert found.help is None  # most of it is missing: it is another model's file


def test_nothing_that_fits_is_an_error_even_where_nothing_is_strict(tmp_path: Path) -> None:
    save(tmp_path, {"other": torch.zeros(2)})
    assert not pipeline.check(write(tmp_path, {"file": "w.safetensors", "strict": False})).ok


@pytest.mark.parametrize(
    ("section", "code", "words"),
    [
        ({"fil": "w"}, "AS201", "unknown key `fil`"),
        ({"fresh": "haed"}, "AS701", "matches `haed`"),
        ({"transpose": ["*.wieght"]}, "AS701", "`*.wieght`"),
        ({"transpose": {"head": [0, 0]}}, "AS205", "no order of dimensions"),
        ({"rename": {"a.*": "*.*"}}, "AS205", "the pattern has 1"),
        ({"rename": {"[": "*"}}, "AS205", "does not close"),
        ({"rename": {"net.": ""}}, "AS205", "no name ends in a dot"),
        ({"rename": ["a"]}, "AS205", "takes a mapping"),
        ({"split": {"*.qkv": {"into": ["a"]}}}, "AS204", "two names or more"),
        ({"split": {"*.qkv": {"from": ["a", "b"]}}}, "AS201", "unknown key `from`"),
        ({"concat": {"*.qkv": {"from": ["*.q", "*.k"]}}}, "AS701", "`*.qkv`"),
        ({"concat": {"head.*": {"from": ["a.*", "b.*"], "groups": 0}}}, "AS205", "`groups`"),
        ({"strict": "no"}, "AS205", "`strict`"),
        ({"rename": {f"a{k}": "b" for k in range(300)}}, "AS205", "at most 256"),
        ("https://example.org/w.safetensors", "AS205", "nothing is read over a network"),
        ("none.safetensors", "AS702", "No such file"),
        ("a" * 300 + ".safetensors", "AS702", "cannot be read"),
        ("net.yaml", "AS702", "not called as weights are"),
        (5, "AS205", "a file, a list of files, or a mapping"),
        ([5], "AS205", "path of a file"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_the_section_is_said_at_its_line(
    tmp_path: Path, section: object, code: str, words: str
) -> None:
    found = pipeline.check(write(tmp_path, section)).diagnostics
    assert code in {d.code for d in found}, [d.message for d in found]
    told = next(d for d in found if d.code == code)
    assert words in told.message + " ".join(told.notes)
    assert told.span.line == NET.count("\n") + 2


def test_paths_start_from_the_file_that_names_them(tmp_path: Path) -> None:
    (tmp_path / "base").mkdir()
    save(tmp_path / "base", built().state_dict())
    write(tmp_path / "base", "w.safetensors")
    (tmp_path / "mine.yaml").write_text("archspec: 1\nname: mine\nextends: base/net.yaml\n", encoding="utf-8")
    assert pipeline.check(tmp_path / "mine.yaml").ok
