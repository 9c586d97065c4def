"""Values that nothing uses, in blocks whose structure depends on the sizes they are called with."""

from __future__ import annotations

import archspec

SPEC = """
archspec: 1
name: projected
inputs: {x: "float32[B, 8]"}
blocks:
  Block:
    params: {channels: int}
    inputs: {x: "float32[N, C]"}
    layers:
      - {name: fc, linear: $channels}
      - {name: short, when: $(C != channels), linear: $channels, from: x}
      - {name: projected, when: $(C != channels), add: {}, from: [fc, short]}
      - {name: plain, when: $(C == channels), add: {}, from: [KEPT]}
layers:
  - {name: first, Block: {channels: 10}}
  - {name: second, Block: {channels: LAST}}
"""


def warnings(kept: str, last: int) -> list[tuple[str, int, str]]:
    report = archspec.check(SPEC.replace("KEPT", kept).replace("LAST", str(last)))
    assert report.ok
    return [(d.code, d.span.line, d.message) for d in report.diagnostics]


def test_an_item_that_is_left_out_gives_its_first_input() -> None:
    """So `plain` gives `x` where the sizes differ, and what was added before it is lost."""
    assert warnings("x, fc", 12) == [("AS402", 12, "the value `projected` is used nowhere")]


def test_it_gives_what_was_computed_where_that_comes_first() -> None:
    assert warnings("projected, x", 12) == []


def test_a_value_that_one_instance_uses_is_used() -> None:
    """`fc` is unused by neither, `projected` is read by the call in which it stands for `fc`."""
    assert warnings("projected, x", 10) == []


def test_every_check_says_so() -> None:
    assert warnings("x, fc", 12) == warnings("x, fc", 12)


def test_the_parameters_then_used_are_counted() -> None:
    """8 x 10 + 10 twice, and 10 x 12 + 12 twice."""
    report = archspec.check(SPEC.replace("KEPT", "projected, x").replace("LAST", "12"))
    assert report.parameters == 2 * (8 * 10 + 10) + 2 * (10 * 12 + 12)
