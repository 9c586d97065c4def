"""`include`, `extends`, `replace`: `files/accepted/NAME/spec.yaml` is the spec `whole.yaml` beside it, and for
`files/rejected/NAME/spec.yaml` `expected.txt` is what a check prints."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from copy import deepcopy
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archspec import pipeline
from archspec.diagnostics.model import Diagnostics
from archspec.diagnostics.text import render
from archspec.reading import files
from archspec.reading.reader import read

HERE = Path(__file__).parent / "files"
ACCEPTED = sorted(path.parent for path in (HERE / "accepted").glob("*/spec.yaml"))
REJECTED = sorted(path.parent for path in (HERE / "rejected").glob("*/spec.yaml"))


def spec_of(folder: Path) -> pipeline.Spec:
    return pipeline.load(folder / "spec.yaml")._replace(file="spec.yaml")


def printed(folder: Path) -> str:
    report = pipeline.check(spec_of(folder))
    return "\n\n".join(render(d, report.sources) for d in report.diagnostics) + "\n"


@pytest.mark.parametrize("folder", ACCEPTED, ids=lambda p: p.name)
def test_accepted(folder: Path) -> None:
    report = pipeline.check(spec_of(folder))
    assert not report.diagnostics, printed(folder)
    assert report.assembled is not None
    whole = read((folder / "whole.yaml").read_text(encoding="utf-8"), "whole.yaml", Diagnostics())
    assert whole is not None
    got, expected = report.assembled.data(), whole.data()
    assert got == expected
    for key in ("params", "inputs", "outputs"):  # the order of arguments
        assert list(got.get(key, {})) == list(expected.get(key, {}))


@pytest.mark.parametrize("folder", REJECTED, ids=lambda p: p.name)
def test_rejected(folder: Path) -> None:
    assert not pipeline.check(spec_of(folder)).ok
    assert printed(folder) == (folder / "expected.txt").read_text(encoding="utf-8")


def write(folder: Path, **texts: str) -> Path:
    for name, text in texts.items():
        (folder / f"{name}.yaml").write_text(text, encoding="utf-8")
    return folder / "spec.yaml"


def codes(path: Path) -> list[str]:
    return [d.code for d in pipeline.check(path).diagnostics]


BLOCKS = "blocks: {Act: {layers: [relu]}}\n"
SPEC = 'include: [blocks.yaml]\ninputs: {x: "float32[B, 4]"}\nlayers: [Act, {name: head, linear: 3}]\n'


def test_only_named_files_are_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every way of opening a file goes through an audit event."""
    opened: list[str] = []
    watching = True

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if watching and event == "open" and isinstance(arguments[0], (str, bytes)):
            opened.append(os.fsdecode(arguments[0]))
        elif watching and event.split(".")[0] in ("socket", "subprocess", "os.system", "os.exec", "urllib"):
            opened.append(event)

    (tmp_path / "outside.yaml").write_text("secret: 1", encoding="utf-8")
    inner = tmp_path / "inner"
    inner.mkdir()
    path = write(inner, spec="extends: base.yaml\n", base=SPEC, blocks=BLOCKS, beside="layers: [")
    hostile = write(
        tmp_path, spec="extends: https://example.org/a.yaml\ninclude: [/etc/passwd, ../x.yaml, file:///a.yaml]\n"
    )
    assert pipeline.check(path).ok  # what is imported late is imported now
    assert not pipeline.check(hostile).ok
    sys.addaudithook(hook)
    try:
        assert pipeline.check(path).ok
        assert sorted(Path(name).name for name in opened) == ["base.yaml", "blocks.yaml", "spec.yaml"]
        opened.clear()
        assert not pipeline.check(hostile).ok
        assert {Path(name) for name in opened} <= {hostile, tmp_path.parent / "x.yaml"}
    finally:
        watching = False


def test_a_link_leads_to_yaml_only(tmp_path: Path) -> None:
    path = write(tmp_path, spec=SPEC)
    (tmp_path / "secret.txt").write_text("secret: [", encoding="utf-8")
    (tmp_path / "blocks.yaml").symlink_to("secret.txt")
    report = pipeline.check(path)
    assert [d.code for d in report.diagnostics] == ["AS107"]
    assert "secret" not in str(report.diagnostics)
    assert list(report.sources) == [str(path)]


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    path = write(tmp_path, spec=SPEC)
    os.mkfifo(tmp_path / "blocks.yaml")
    assert codes(path) == ["AS107"]


def test_limits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    chain = {f"s{n}": f"extends: s{n + 1}.yaml\n" for n in range(9)}
    path = write(tmp_path, spec="extends: s3.yaml\n", **chain, s9=SPEC, blocks=BLOCKS)
    assert codes(path) == []
    write(tmp_path, spec="extends: s1.yaml\n")
    (found,) = pipeline.check(path).diagnostics
    assert (found.code, found.span.file) == ("AS104", str(tmp_path / "s8.yaml"))

    many = {f"b{n}": f"blocks: {{A{n}: {{layers: [relu]}}}}\n" for n in range(files.MAX_FILES + 1)}
    text = f"include: [{', '.join(f'{name}.yaml' for name in many)}]\n" + SPEC.split("\n", 1)[1].replace("Act", "A0")
    write(tmp_path, spec=text, **many)
    assert codes(path) == ["AS104"]
    write(tmp_path, spec=text.replace(f", b{files.MAX_FILES}.yaml", ""))
    assert codes(path) == []

    write(tmp_path, spec=SPEC, blocks=BLOCKS + "#" * (1 << 23))
    assert codes(path) == ["AS104"]
    write(tmp_path, blocks=BLOCKS + "#" * 1000)
    assert codes(path) == []
    monkeypatch.setattr(files, "MAX_TOTAL", 1000)
    assert codes(path) == ["AS104"]


def test_text_and_overrides(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Paths of a text start from the working directory, and what is set comes last."""
    base = 'params: {width: 3}\ninputs: {x: "float32[B, 4]"}\nlayers: [{linear: $width}]\n'
    write(tmp_path, base=base)
    text = "extends: base.yaml\nparams: {width: 5}\n"
    assert [d.code for d in pipeline.check(text).diagnostics] == ["AS107"]
    monkeypatch.chdir(tmp_path)
    assert str(pipeline.check(text).outputs["output"]) == "float32[B, 5]"
    assert str(pipeline.check(text, {"width": 7}).outputs["output"]) == "float32[B, 7]"
    assert [d.code for d in pipeline.check(text, {"height": 7}).diagnostics] == ["AS219"]


def test_unused_blocks_and_parameters_are_reported_where_they_are_the_spec_s_own(tmp_path: Path) -> None:
    blocks = BLOCKS + "  # for others\n".replace("  ", "")
    blocks = "blocks: {Act: {layers: [relu]}, Other: {params: {a: 1}, layers: [tanh]}}\n"
    path = write(tmp_path, spec=SPEC + "params: {a: 1}\n", blocks=blocks)
    (found,) = pipeline.check(path).diagnostics
    assert (found.code, found.span.file) == ("AS401", str(path))


def test_a_spec_of_one_file_does_without() -> None:
    script = (
        "import sys, archspec; assert archspec.check('specs/vision/resnet50.yaml').ok\n"
        "assert not {'archspec.graph.assemble', 'archspec.graph.replace', 'archspec.reading.files'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", script], check=True, cwd=HERE.parents[2], timeout=60)


VALUES = [None, 3, "x", "relu", "$n", [], ["x"], {}, {"x": "x"}, {"name": "a", "relu": {}}, "base.yaml", ["norm.yaml"]]
KEYS = ["name", "extends", "include", "replace", "layers", "params", "blocks", "outputs", "train", "0", "head", "A"]


def places(data: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inside = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    return [(*path, key) for key, _ in inside] + [p for key, value in inside for p in places(value, (*path, key))]


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(ACCEPTED), st.randoms(use_true_random=False))
def test_damaged_files_are_findings(folder: Path, random: Random) -> None:
    """Whatever stands in the files: a report, whose places are in the files that it holds."""
    with TemporaryDirectory() as where:
        root = Path(shutil.copytree(folder, Path(where) / "case"))
        path = random.choice([p for p in sorted(root.rglob("*.yaml")) if p.name != "whole.yaml"])
        node = read(path.read_bytes(), "", Diagnostics())
        assert node is not None
        data = node.data()
        for _ in range(random.randint(1, 3)):
            *outer, last = random.choice(places(data) or [("layers",)])
            holder = data
            for step in outer:
                holder = holder[step]
            if isinstance(holder, dict) and random.random() < 0.3:
                last = random.choice(KEYS)
            holder[last] = deepcopy(random.choice(VALUES))
        path.write_text(json.dumps(data), encoding="utf-8")
        report = pipeline.check(root / "spec.yaml")
    for found in report.diagnostics:
        assert found.span.file in report.sources
        assert found.message in render(found, report.sources)


if __name__ == "__main__":
    for each in sys.argv[1:] or REJECTED:
        text = printed(Path(each))
        (Path(each) / "expected.txt").write_text(text, encoding="utf-8")
        sys.stdout.write(f"-- {each}\n{text}")


@pytest.mark.parametrize("more", ["", "replace: {fc: null}\n", "weights: null\n", "layers: [relu]\nparamz: {a: 1}\n"])
def test_a_misspelt_extends_ends_the_check(tmp_path: Path, more: str) -> None:
    """Of what it starts from nothing is known, so nothing else is said; also of a spec that another starts from."""
    (tmp_path / "net.yaml").write_text(f"archspec: 1\nextend: resnet50.yaml\n{more}")
    (tmp_path / "tuned.yaml").write_text("archspec: 1\nextends: net.yaml\nparams: {classes: 3}\n")
    for name in ("net.yaml", "tuned.yaml"):
        (one,) = pipeline.check(tmp_path / name).diagnostics
        assert (one.code, one.span.line, one.message) == ("AS201", 2, "a spec has no key `extend`")
        assert one.span.file.endswith("net.yaml") and one.help == "did you mean `extends`?"
