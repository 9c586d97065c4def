"""A process that has checked other specs finds what a fresh one does."""

from __future__ import annotations

import gc
import re
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from random import Random

import pytest
from test_cases import ACCEPTED, REJECTED, printed

from archspec import pipeline
from archspec.diagnostics.text import render
from archspec.graph import blocks, chain
from archspec.graph.initial import InitRule
from archspec.graph.ir import Graph, GraphInput, Node, OpCall
from archspec.graph.scope import Scope
from archspec.ops import known
from archspec.ops.base import Op
from archspec.reading import kept, sections
from archspec.reading.nodes import Node as YamlNode
from archspec.shapes.typed import Typed, TypedNode
from spec_files import SPECS

ROOT = Path(__file__).parents[2]
CASES = [*REJECTED, *ACCEPTED]
EDITED = [*SPECS, *CASES]
BLOCKS = [path for path in EDITED if re.search("^(blocks|extends):", path.read_text(encoding="utf-8"), re.M)]


def found(spec: pipeline.Spec) -> str:
    """Everything that a check says, and what it hands on to the other stages."""
    report = pipeline.check(spec)
    said = [render(d, report.sources) for d in report.diagnostics]
    if not report.ok:
        return "\n".join(said)
    return "\n".join(
        [*said, *report.requirements, *map(str, report.rows), str(report.flops), pipeline.emitted(report).text]
    )


def edits(text: str, random: Random, count: int) -> Iterator[str]:
    """Small changes, one upon the other, as a person makes them, and now and then back to where it began."""
    now = text
    for _ in range(count):
        lines = now.split("\n")
        at = random.randrange(len(lines))
        match random.randrange(6):
            case 0:
                lines.insert(at, "# a comment")
            case 1:
                lines[at] += "  # a comment"
            case 2:
                del lines[at]
            case 3:
                lines = text.split("\n")
            case _:
                numbers = [m for m in re.finditer(r"\b\d+\b", now) if m.group() != "1"]
                if numbers:
                    chosen = random.choice(numbers)
                    changed = str(int(chosen.group()) * random.choice((1, 2, 3)) + random.choice((0, 1)))
                    lines = (now[: chosen.start()] + changed + now[chosen.end() :]).split("\n")
        now = "\n".join(lines)
        yield now


def test_what_one_mistake_hides_is_told_without_it() -> None:
    """With `include` misspelt nothing is said of the blocks that are not there; without the line each is told of."""
    text = """archspec: 1
includes: [parts.yaml]
inputs: {x: "float32[B, 8]"}
blocks:
  Outer:
    layers:
      - {name: inner, Missing: {}}
layers:
  - {name: outer, Outer: {}}
"""
    for begins, code, line in ((text, "AS201", 2), (text.replace("includes: [parts.yaml]\n", ""), "AS202", 6)):
        report = pipeline.check(pipeline.Spec(begins, "net.yaml", ROOT))
        assert [(d.code, d.span.line) for d in report.diagnostics if d.is_error] == [(code, line)]


@pytest.mark.parametrize(
    ("path", "count"),
    [*((path, 2) for path in EDITED[::2]), *(pytest.param(path, 12, marks=pytest.mark.slow) for path in EDITED)],
    ids=lambda p: getattr(p, "stem", p),
)
def test_as_it_is_edited(path: Path, count: int) -> None:
    """After every change, what is found is what a process finds that never saw the text before."""
    text = path.read_text(encoding="utf-8")
    random = Random(f"{path.stem} {count}")
    pipeline.forget()
    found(pipeline.Spec(text, path.name, path.parent))
    for changed in edits(text, random, count):
        spec = pipeline.Spec(changed, path.name, path.parent)
        warm = [found(spec), found(spec)]
        remembered = [(store, dict(store.items), store.held) for store in (kept._blocks, sections._sections)]
        pipeline.forget()
        assert warm == [found(spec)] * 2
        for store, items, held in remembered:  # what was known before is known again
            store.items, store.held = items, held


def test_what_a_promise_settles_is_asked_again_without_it() -> None:
    blocks = "blocks: {Cut: {layers: [{slice: {dim: 1, stop: 4}}, {name: fc, linear: 5}]}}"
    text = f'archspec: 1\ninputs: {{x: "float32[B, T, 8]"}}\n{blocks}\nlayers: [{{name: cut, Cut: {{}}}}]\n'
    for more, size in (("", "min(T, 4)"), ("symbols: {T: {min: 4}}\n", "4"), ("symbols: {T: {max: 3}}\n", "T")) * 2:
        report = pipeline.check(pipeline.Spec(text + more, "net.yaml", ROOT))
        assert str(report.outputs["output"]) == f"float32[B, {size}, 5]"


def described(report: pipeline.Report) -> list[object]:
    """Every graph that a check found, with all places, and every type."""
    assert report.typed is not None and report.elaboration is not None
    numbers: dict[int, int] = {}
    out: list[object] = []

    def plain(value: object) -> object:
        if isinstance(value, Graph):
            if id(value) not in numbers:
                numbers[id(value)] = len(numbers)
                out.append([plain(getattr(value, name)) for name in GRAPH_FIELDS])
            return f"graph {numbers[id(value)]}"
        if isinstance(value, Typed):
            if id(value) not in numbers:
                numbers[id(value)] = len(numbers)
                done = [[plain(getattr(node, name)) for name in TypedNode.__slots__] for node in value.nodes]
                out.append([plain(each) for each in (value.graph, value.inputs, value.outputs, value.params)] + done)
            return f"typed {numbers[id(value)]}"
        if isinstance(value, YamlNode):
            return value.span, repr(value.data())
        if isinstance(value, (GraphInput, Node)):
            return [plain(getattr(value, field.name)) for field in fields(value)]
        if isinstance(value, OpCall):
            return value.cls.name, repr(value.values)
        if isinstance(value, InitRule):
            return [plain(each) for each in value]
        if isinstance(value, (list, tuple)):
            return [plain(each) for each in value]
        return repr(value) if not isinstance(value, Op) else value.name

    plain(report.elaboration.graph)
    plain(report.typed)
    return out


GRAPH_FIELDS = [field.name for field in fields(Graph) if field.init and field.name not in ("known", "later")]


@pytest.mark.parametrize(
    "path", [path if n % 8 == 0 else pytest.param(path, marks=pytest.mark.slow) for n, path in enumerate(EDITED)],
    ids=lambda p: p.stem,
)  # fmt: skip
def test_a_block_that_moved_is_what_a_fresh_process_finds(path: Path) -> None:
    """Lines and comments are put in and taken out; every place in every graph is then that of the new text."""
    text = path.read_text(encoding="utf-8")
    random = Random(path.stem)
    pipeline.forget()
    if not pipeline.check(pipeline.Spec(text, path.name, path.parent)).ok:
        return
    lines = text.split("\n")
    reports = []
    for _ in range(4):
        at = random.randrange(len(lines))
        if lines[at].lstrip().startswith("#") and random.random() < 0.5:
            del lines[at]
        else:
            lines.insert(at, random.choice(("# a comment", "")))
        spec = pipeline.Spec("\n".join(lines), path.name, path.parent)
        reports.append((spec, pipeline.check(spec)))
    for spec, report in reversed(reports):  # an earlier report holds the places of its own text
        pipeline.forget()
        cold = pipeline.check(spec)
        assert [render(d, report.sources) for d in report.diagnostics] == [
            render(d, cold.sources) for d in cold.diagnostics
        ]
        if report.ok:
            assert described(report) == described(cold)


def test_in_any_order() -> None:
    pipeline.forget()
    first = {path: printed(path) for path in CASES}
    again = {path: printed(path) for path in reversed(CASES)}
    assert again == first
    for path in CASES:
        pipeline.forget()
        assert printed(path) == first[path]


SIZED = """\
archspec: 1
inputs: {{x: "float32[B, 8, T]"}}
{symbols}
layers:
  - conv1d: {{out_channels: 4, kernel_size: 5}}
  - max_pool1d: 2
"""


@pytest.mark.parametrize("first", ["", "symbols: {T: {min: 64}}"])
def test_what_is_demanded_of_sizes_is_demanded_each_time(first: str) -> None:
    """The rule is not worked out again; its question to what is promised is asked again."""
    pipeline.forget()
    assert pipeline.check(SIZED.format(symbols=first)).ok
    assert pipeline.check(SIZED.format(symbols="")).requirements == ["T >= 6"]
    assert pipeline.check(SIZED.format(symbols="symbols: {T: {min: 64}}")).requirements == []
    refused = pipeline.check(SIZED.format(symbols="symbols: {T: {max: 4}}"))
    assert [d.code for d in refused.diagnostics] == ["AS308"]
    assert pipeline.check(SIZED.format(symbols="")).requirements == ["T >= 6"]


def test_equal_values_of_other_types_are_other_values() -> None:
    """1, 1.0 and true; 0.0 and -0.0."""
    head = 'archspec: 1\ninputs: {{x: "float32[B, 8]"}}\nlayers:\n'
    spec = head + "  - linear: {{out_features: 4, bias: {}}}\n"
    assert pipeline.check(spec.format("true")).parameters == 36
    assert [d.code for d in pipeline.check(spec.format("1")).diagnostics] == ["AS205"]
    pad = head + "  - pad: {{pad: [1, 1], value: {}}}\n"
    texts = [pipeline.source(pad.format(value)) for value in ("0.0", "-0.0")]
    assert "-0.0" in texts[1]
    assert "-0.0" not in texts[0]


def test_what_is_kept_is_bounded() -> None:
    pipeline.forget()
    lines = [f"  - linear: {n}" for n in range(1, known.MAX_OPS + 100)]
    text = 'archspec: 1\ninputs: {x: "float32[B, 8]"}\nlayers:\n' + "\n".join(lines) + "\n"
    assert pipeline.check(text).ok
    assert len(known._ops) <= known.MAX_OPS
    op = known.op_of(*_relu())
    for width in range(1, 2 * known.MAX_TYPES):
        assert pipeline.check(f'archspec: 1\ninputs: {{x: "float32[B, {width}]"}}\nlayers:\n  - relu\n').ok
    assert 0 < len(op.known) <= known.MAX_TYPES


def _relu() -> tuple[type, dict[str, object]]:
    from archspec.ops.registry import all_ops

    return all_ops()["relu"], {}


TWO = """\
archspec: 1
params: {{width: {width}, unused: 1}}
inputs: {{x: "float32[B, 8]"}}
blocks:
  Inner:
    layers:
      - linear: {inner}
  Outer:
    params: {{wide: int}}
    layers:
      - {{name: inner, Inner: {{}}}}
      - linear: $(wide + width)
layers:
  - {{name: a, Outer: {{wide: 2}}}}
  - {{name: b, linear: $unused}}
"""


def test_a_block_is_built_again_where_what_it_reads_changes() -> None:
    pipeline.forget()
    spec = TWO.format
    assert pipeline.check(spec(width=3, inner=4)).parameters == (8 * 4 + 4) + (4 * 5 + 5) + (5 + 1)
    assert pipeline.check(spec(width=6, inner=4)).parameters == (8 * 4 + 4) + (4 * 8 + 8) + (8 + 1)
    assert pipeline.check(spec(width=6, inner=7)).parameters == (8 * 7 + 7) + (7 * 8 + 8) + (8 + 1)
    assert pipeline.check(spec(width=6, inner=4), {"width": 3}).parameters == (8 * 4 + 4) + (4 * 5 + 5) + (5 + 1)


def test_a_block_is_not_built_again_where_nothing_of_it_changes() -> None:
    pipeline.forget()
    first = pipeline.check(TWO.format(width=3, inner=4).replace("unused: 1", "unused: 5"))
    again = pipeline.check(TWO.format(width=3, inner=4))
    assert first.elaboration is not None and again.elaboration is not None
    assert first.elaboration.graph.nodes[0].calls[0] is again.elaboration.graph.nodes[0].calls[0]
    assert first.elaboration.graph.nodes[1].calls[0] is not again.elaboration.graph.nodes[1].calls[0]
    moved = pipeline.check("# a line more\n" + TWO.format(width=3, inner=4))
    assert moved.elaboration is not None
    assert moved.elaboration.graph.nodes[0].span.line == first.elaboration.graph.nodes[0].span.line + 1


@pytest.mark.parametrize(
    "edit",
    [
        ("", ""),
        ("$(wide + width)", "$(wide + width + 1)"),
        ("layers:\n  - {name: a", "layers:\n  - relu\n  - {name: a"),
        ("unused: 1", "unused: 2"),
    ],
)
def test_the_same_work_is_counted(edit: tuple[str, str]) -> None:
    """Where a spec expands too far does not depend on what was checked before it."""

    def work(text: str) -> int:
        report = pipeline.check(text)
        assert report.ok and report.elaboration is not None
        return report.elaboration.context.work

    text = TWO.format(width=3, inner=4) + "  - {name: c, Outer: {wide: 2}}\n  - {name: d, repeat: 3, Inner: {}}\n"
    pipeline.forget()
    work(text)
    warm = [work(text.replace(*edit)) for _ in range(3)]
    pipeline.forget()
    assert warm == [work(text.replace(*edit))] * 3


@pytest.mark.parametrize("name", ["resnet50", "gpt2", "densenet121", "swin_t", "convnext_tiny"])
def test_the_same_work_is_counted_for_networks(name: str) -> None:
    path = next(path for path in SPECS if path.stem == name)
    pipeline.forget()
    reports = [pipeline.check(pipeline.load(path)) for _ in range(3)]
    works = [report.elaboration.context.work for report in reports if report.elaboration is not None]
    assert len(works) == 3 and len(set(works)) == 1


def items_built(monkeypatch: pytest.MonkeyPatch, text: str) -> list[str]:
    """The items of the root that are elaborated."""
    built: list[str] = []
    own = chain._item

    def noted(ctx: object, scope: Scope, node: YamlNode, *rest: object) -> object:
        if scope.builder.kind == "root":
            built.append(str(node.data()))
        return own(ctx, scope, node, *rest)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(chain, "_item", noted)
        assert pipeline.check(text).ok
    return built


ITEMS = """\
archspec: 1
params: {width: 8, more: 4}
inputs: {x: "float32[B, 8]"}
blocks:
  Wide:
    params: {times: 2}
    layers:
      - linear: $(times * more)
layers:
  - {name: a, linear: $width}
  - {name: b, repeat: 2, Wide: {times: 3}}
  - {linear: {out_features: 5, bias: false}}
  - {name: c, repeat: $(more // 2), linear: 5}
"""


@pytest.mark.parametrize(
    ("before", "after", "built"),
    [
        ("", "", []),
        ("archspec: 1\n", "archspec: 1\n\n# a comment\n", []),  # all of it moves
        ("layers:\n  - {name: a", "layers:\n  - {relu: {}}\n  - {name: a", ["relu"]),
        ("width: 8", "width: 9", ["$width"]),
        ("more: 4", "more: 6", ["times", "more"]),  # what reads it itself, or in its block
        ("times: 2}", "times: 5}", ["times"]),  # another block
        ("- linear: $(times", "- linear: $(1 + times", ["times"]),
        ("times: 3", "times: 4", ["times"]),
        ("name: c", "name: d", ["'d'"]),
    ],
)
def test_only_items_that_depend_on_a_change_are_elaborated(
    before: str, after: str, built: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    pipeline.forget()
    assert len(items_built(monkeypatch, ITEMS)) == 4
    changed = ITEMS.replace(before, after)
    found = items_built(monkeypatch, changed)
    assert len(found) == len(built) and all(word in item for word, item in zip(built, found, strict=True)), found
    warm = described(pipeline.check(changed))
    pipeline.forget()
    assert warm == described(pipeline.check(changed))


def test_an_argument_that_names_a_value_names_it_where_the_item_stands() -> None:
    """`like` reads another value than the one before."""
    inputs = ['x: "float32[B, 8]", y: "float32[B, 5]"', 'y: "float32[B, 5]", x: "float32[B, 8]"', 'y: "float32[B, 4]"']
    pipeline.forget()
    for text, size in zip([inputs[0], *inputs, *inputs], (5, 5, 5, 4, 5, 5, 4), strict=True):
        report = pipeline.check(
            f"archspec: 1\ninputs: {{{text}}}\nlayers:\n  - {{name: a, randint: {{like: y, high: 9}}}}\noutputs: [a]\n"
        )
        assert report.outputs["a"].shape[1] == size


BROKEN = """\
archspec: 1
inputs: {{x: "float32[B, 8]"}}
blocks:
  Inner:
    layers:
      - {{name: lost, reshape: [3, 5]}}
  Outer:
    layers:
      - {{name: inner, Inner: {{}}}}
layers:
{layers}
"""


def test_an_error_in_a_block_is_reported_in_every_check() -> None:
    """Also where another block had it reported first."""
    pipeline.forget()
    both = BROKEN.format(layers="  - {name: a, Inner: {}}\n  - {name: b, Outer: {}, from: x}")
    one = BROKEN.format(layers="  - {name: b, Outer: {}}")
    for text in (both, both, one, one):
        assert not pipeline.check(text).ok


def test_what_is_kept_of_texts_is_bounded() -> None:
    pipeline.forget()
    for number in range(kept.MAX_BLOCKS + 10):
        pipeline.check(TWO.format(width=3, inner=number + 1))
    assert len(kept._blocks.items) <= kept.MAX_BLOCKS
    assert kept._blocks.held == sum(len(text) for _, _, text in kept._blocks.items)


@pytest.mark.parametrize("name", ["resnet50", "gpt2", "densenet121", "swin_t", "convnext_tiny"])
def test_blocks_that_stand_where_they_stood_are_not_built_again(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """With an item that `when` leaves out in them, too (resnet50)."""
    path = next(path for path in SPECS if path.stem == name)
    pipeline.check(pipeline.load(path))

    def built(*_: object) -> None:
        raise AssertionError("a block was built again")

    monkeypatch.setattr(blocks, "_build", built)
    assert pipeline.check(pipeline.load(path)).ok


@pytest.mark.parametrize("name", ["resnet50", "gpt2", "densenet121", "swin_t", "convnext_tiny"])
def test_no_cycle_is_left_to_the_garbage_collector(name: str) -> None:
    """What a check makes goes when its report does."""
    path = next(path for path in SPECS if path.stem == name)
    for _ in range(2):  # the first leaves something to those that follow
        pipeline.check(path)
        before = gc.collect()
    pipeline.check(path)
    assert gc.collect() == 0, before
