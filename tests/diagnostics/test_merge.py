"""One cause is one finding."""

from __future__ import annotations

import archspec
from archspec.diagnostics.merge import merged
from archspec.diagnostics.model import Diagnostic, Edit, Fix, Severity, Span


def at(line: int) -> Span:
    return Span("f", line, 1, line, 5)


def test_a_name_that_is_known_nowhere() -> None:
    """The first place is told, a few more are shown, and the rest are counted; the repair is that of all."""
    fixes = [Fix("write `classes`", (Edit(at(n), "classes"),), safe=False) for n in range(1, 8)]
    found = [Diagnostic("AS209", "unknown parameter `clases`", fix.edits[0].span, fix=fix) for fix in fixes]
    (one,) = merged(found)
    assert one.span == at(1)
    assert [label.span for label in one.secondary] == [at(2), at(3), at(4), at(5)]
    assert one.notes == ("and in 2 more places",)
    assert one.fix is not None
    assert len(one.fix.edits) == 7
    assert not one.fix.safe


def test_places_without_a_repair_leave_none() -> None:
    fix = Fix("write `b`", (Edit(at(1), "b"),))
    (one,) = merged([Diagnostic("AS206", "m", at(1), fix=fix), Diagnostic("AS206", "m", at(2))])
    assert one.fix is None


def test_what_stays_apart() -> None:
    found = [
        Diagnostic("AS209", "unknown parameter `a`", at(1)),
        Diagnostic("AS209", "unknown parameter `b`", at(2)),
        Diagnostic("AS205", "m", at(1)),
        Diagnostic("AS205", "m", at(2)),
        Diagnostic("AS302", "m", at(3)),
        Diagnostic("AS302", "m", at(4)),
        Diagnostic("AS401", "m", at(1), severity=Severity.WARNING),
        Diagnostic("AS401", "m", at(2), severity=Severity.WARNING),
    ]
    assert merged(found) == found


def test_a_block_that_fits_nowhere_it_is_called() -> None:
    spec = """\
inputs: {x: "float32[B, 3, 32, 32]"}
blocks:
  Layer:
    params: {channels: int}
    layers:
      - residual: [{conv2d: {out_channels: $channels, kernel_size: 3}}]
layers:
  - {name: a, Layer: 3}
  - {max_pool2d: 2, from: x}
  - {name: b, Layer: 3}
  - {max_pool2d: 4, from: x}
  - {name: c, Layer: 3}
outputs: [a, b, c]
"""
    (one,) = archspec.check(spec).diagnostics
    assert one.code == "AS302"
    assert [(label.span.line, label.text) for label in one.secondary if "called" in label.text] == [
        (8, "in `a`, called here")
    ]
    assert one.notes[-1] == "it does not fit in 2 more calls either"


def test_a_name_that_each_call_spells_otherwise() -> None:
    spec = """\
inputs: {x: "float32[B, 8]"}
blocks:
  Layer:
    params: {part: str}
    layers:
      - {name: $(part).query, linear: 8}
      - {name: $(part).key, linear: 8, from: x}
      - {add: {}, from: [$(part).qery, $(part).key]}
layers:
  - {name: a, Layer: self}
  - {name: b, Layer: cross}
"""
    (one,) = archspec.check(spec).diagnostics
    assert (one.code, one.message, one.span.line) == ("AS206", "there is no value `self.qery`", 8)
    assert one.notes == ("for another call: there is no value `cross.qery`",)
    for wrong, line, text in (("linear: 8, from", 7, "linaer: 8, from"), ("part: str", 6, "patr: str")):
        found = archspec.check(spec.replace("qery", "query").replace(wrong, text)).diagnostics
        assert [d.code for d in found if d.span.line == line] == ["AS202" if line == 7 else "AS209"]
        assert "AS206" not in [d.code for d in found]


def test_names_of_turns_in_error() -> None:
    """Nothing is known of the turns; what reads one of them stays silent, and what reads another name does not."""
    spec = """\
inputs: {x: "float32[B, 3, 32, 32]"}
layers:
  - {name: convs.$i, repeat: 3, conv2d: {out_channels: 3, kernel_siz: 3}}
  - {add: {}, from: [convs.0, convs.2]}
  - {add: {}, from: [x, covs.0]}
"""
    assert [d.code for d in archspec.check(spec).diagnostics] == ["AS203", "AS206"]
    turned = spec.replace("covs", "convs").replace("repeat: 3", "repeat: -1").replace("_siz:", "_size:")
    assert [d.code for d in archspec.check(turned).diagnostics] == ["AS205"]


def test_pieces_that_do_not_fit() -> None:
    spec = """\
inputs: {x: "float32[B, T, 48]"}
layers:
  - {chunk: {chunks: 4, dim: -1}, outputs: [q, k, v]}
  - {name: heads_q, unflatten: {dim: -1, sizes: [8, -1]}, from: q}
  - {name: heads_k, unflatten: {dim: -1, sizes: [8, -1]}, from: k}
  - {add: {}, from: [x, v]}
  - {name: other, unflatten: {dim: -1, sizes: [9, -1]}, from: x}
"""
    (one, other) = archspec.check(spec).diagnostics
    assert (one.code, one.span.line) == ("AS305", 4)
    assert [label.span.line for label in one.secondary if "multiple" in label.text or "differ" in label.text] == [5, 6]
    assert (other.code, other.span.line) == ("AS305", 7), "it reads what was not cut"


def test_two_histories_that_clash_in_two_places() -> None:
    """The padding is missing once: both products fail for it, and another fault stays another error."""
    spec = """\
inputs: {x: "float32[B, 8, 16, 16]"}
layers:
  - {name: gates, conv2d: {out_channels: 8, kernel_size: 1}}
  - {name: close, conv2d: {out_channels: 8, kernel_size: 3}, from: x}
  - {name: wide, conv2d: {out_channels: 8, kernel_size: 5, padding: 2}}
  - {name: a, mul: {}, from: [close, gates]}
  - {name: b, mul: {}, from: [wide, gates]}
  - {name: other, max_pool2d: 2, from: x}
  - {add: {}, from: [other, x]}
"""
    one, other = archspec.check(spec).diagnostics
    assert (one.code, one.span.line, other.span.line) == ("AS302", 6, 9)
    assert {label.span.line for label in one.secondary} == {4, 6, 7}


def test_alternatives_of_which_one_is_in_error() -> None:
    spec = """\
inputs: {x: "float32[B, 8]"}
params: {both: true}
layers:
  - {when: $(not both), chunk: {chunks: 2, dim: -1}, outputs: [a, b]}
  - {when: $both, chunks: {chunks: 2, dim: -1}, outputs: [a, b]}
  - {add: {}, from: [a, b]}
"""
    assert [(d.code, d.span.line) for d in archspec.check(spec).diagnostics] == [("AS202", 5)]


POOL = """\
blocks:
  Pool:
    inputs: {{x: "float32[*, T, C]"}}
    layers:
      - unflatten: {{dim: {dim}, sizes: [4, -1]}}
      - amax: -3
inputs: {{x: "float32[8, 7, 64, 96]", y: "float32[7, 64, 96]", z: "float32[8, 7, 16, 96]"}}
layers:
  - {{name: fine, Pool: {{}}, from: x}}
  - {{name: sum, add: {{}}, from: [fine, z]}}
  - {{name: refused, Pool: {{}}, from: y}}
outputs: [sum, refused]
"""


def test_what_one_call_of_a_block_refuses_explains_what_another_leads_to() -> None:
    """Of the rank of `x` the wrong `dim` is one, of that of `y` it is none."""
    assert archspec.check(POOL.format(dim=-2)).ok
    (one,) = archspec.check(POOL.format(dim=-4)).diagnostics
    assert one.code == "AS301"
    assert one.span.line == 5
    assert [label.span.line for label in one.secondary] == [11, 10]


def test_errors_that_explain_one_another_are_told_of() -> None:
    one = Diagnostic("AS301", "a", at(1), causes=frozenset([at(1)]), upstream=frozenset([at(2)]))
    two = Diagnostic("AS301", "b", at(2), causes=frozenset([at(2)]), upstream=frozenset([at(1)]))
    three = Diagnostic("AS302", "c", at(3), causes=frozenset([at(3), at(4)]), upstream=frozenset([at(2)]))
    assert [d.message for d in merged([one, two, three])] == ["a"]
    assert [d.message for d in merged([two])] == ["b"]


def test_turns_that_are_not_known_name_nothing_that_is_missed() -> None:
    spec = """\
inputs: {x: "float32[B, 8]"}
layers:
  - repeat: 2
    sequence:
      - {name: made$(i + 1), linear: 8, from: x}
  - {add: {}, from: [made1, made2]}
"""
    assert archspec.check(spec).ok
    for wrong, code in (("repeat: -1", "AS205"), ("repeat: two", "AS205"), ("repat: 2", "AS201")):
        assert [d.code for d in archspec.check(spec.replace("repeat: 2", wrong)).diagnostics if d.is_error] == [code]
    two = spec.replace("sequence:\n", "sequence:\n      - {name: kept$i, relu: {}, from: x}\n")
    misspelt = archspec.check(two.replace("name: made", "nmae: made")).diagnostics
    assert [d.code for d in misspelt if d.is_error] == ["AS201"]


def test_a_text_that_one_call_spells_and_another_cannot() -> None:
    spec = """\
inputs: {x: "float32[B, 8]"}
blocks:
  Layer:
    params: {shift: int}
    layers:
      - {name: mask, when: $(shift > 0), relu: {}}
      - {add: {}, from: [x, $('mask' if shift else null)q]}
layers:
  - {name: a, Layer: 1}
  - {name: b, Layer: 0}
"""
    (one,) = [d for d in archspec.check(spec).diagnostics if d.is_error]
    assert (one.code, one.message, one.span.line) == ("AS206", "there is no value `maskq`", 7)
    assert one.notes == ("for another call: null cannot stand inside a text",)


def test_two_texts_of_a_line_are_two() -> None:
    one, two = Span("f", 1, 5, 1, 9), Span("f", 1, 20, 1, 29)
    found = [
        Diagnostic("AS206", "a", one),
        Diagnostic("AS206", "b", two),
        Diagnostic("AS208", "c", Span("f", 1, 10, 1, 12)),
    ]
    assert merged(found) == found
    inside = Diagnostic("AS208", "c", Span("f", 1, 22, 1, 24))
    assert [(d.message, d.notes) for d in merged([*found[:2], inside])] == [("a", ()), ("b", ("for another call: c",))]


def test_a_size_that_decides_several_items_and_stays_open() -> None:
    spec = """\
inputs: {x: "float32[B, W]"}
blocks:
  Layer:
    inputs: {x: "float32[B, D]", y: "float32[B, E]"}
    layers:
      - {name: a, when: $(D > 2), mul: 2, from: x}
      - {name: b, when: $(D == 2), mul: 3, from: x}
      - {name: c, when: $(E > 2), mul: 2, from: y}
layers:
  - {Layer: {}, from: [x, x]}
"""
    wide, other = archspec.check(spec).diagnostics
    assert (wide.code, wide.span.line) == ("AS208", 6)
    assert [label.span.line for label in wide.secondary] == [7]
    assert (other.code, other.span.line) == ("AS208", 8)


def test_an_item_that_one_call_refuses_and_another_reads() -> None:
    """What is wrong with the transpose is a number that is none where the mask has fewer sizes."""
    spec = """\
inputs: {q: "float32[N, 2, 5, 8]", r: "float32[2, 2, 3, 5, 8]", m: "bool[N, 1, 1, 5]", n: "bool[2, 1, 1, 1, 5]"}
blocks:
  Attend:
    inputs: [q, mask]
    layers:
      - {transpose: {dim0: -1, dim1: -5}, from: mask}
      - {attention: {}, from: [q, q, q, _]}
layers:
  - {name: a, Attend: {}, from: [q, m]}
  - {name: b, Attend: {}, from: [r, n]}
outputs: [a, b]
"""
    (one,) = archspec.check(spec).diagnostics
    assert (one.code, one.span.line) == ("AS301", 6)
    assert any("attn_mask" in label.text for label in one.secondary)
    assert archspec.check(spec.replace("-5}", "-1}")).ok


def test_a_misspelt_repeat_takes_no_name_of_another() -> None:
    spec = """\
inputs: {x: "float32[B, 4]", y: "float32[B, 4]"}
blocks:
  Layer:
    inputs: [x0, x1]
    layers:
      - {name: x2, relu: {}, from: x1}
      - repeat: 2
        merge: {stack: {dim: 0}}
        sequence: [{transpose: {dim0: 0, dim1: 1}, from: x$(i + 1)}]
        outputs: [a]
      - repeat: 2
        merge: {stack: {dim: 0}}
        sequence: [{identity: {}, from: x$(i + 1)}]
        outputs: [b]
    outputs: [a, b]
layers:
  - {Layer: {}, from: [x, y], outputs: [a, b]}
outputs: [a, b]
"""
    assert archspec.check(spec).ok
    for line in (6, 10):
        lines = spec.split("\n")
        lines[line] = lines[line].replace("repeat:", "repeatq:")
        assert [(d.code, d.span.line) for d in archspec.check("\n".join(lines)).diagnostics] == [("AS201", line + 1)]
