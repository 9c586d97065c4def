"""The sizes that well-known networks make."""

from __future__ import annotations

import time

import pytest

from archspec.dims import Constraints, Facts, Size, symbol
from archspec.dims.size import evaluate

B, H, W, T, D = map(symbol, "BHWTD")


def conv(size: Size, kernel: int, stride: int = 1, padding: int = 0, dilation: int = 1) -> Size:
    """torch.nn.Conv2d's formula."""
    return (size + 2 * padding - dilation * (kernel - 1) - 1) // stride + 1


def resnet50(size: Size) -> list[Size]:
    out = [conv(size, 7, 2, 3)]
    out.append(conv(out[-1], 3, 2, 1))
    for stage, depth in enumerate((3, 4, 6, 3)):
        for turn in range(depth):
            out.append(conv(out[-1], 1))
            out.append(conv(out[-1], 3, 2 if turn == 0 and stage else 1, 1))
            out.append(conv(out[-1], 1))
    return out


def test_resnet50_keeps_one_floor() -> None:
    last = resnet50(H)[-1]
    assert str(last) == "(H + 31)//32"
    assert evaluate(last, {"H": 224}) == 7


def test_resnet50_accepts_every_size() -> None:
    c = Constraints()
    for size in resnet50(H):
        assert c.at_least(size, 1)
    assert c.requirements == []


def test_a_layer_costs_microseconds() -> None:
    resnet50(H)
    best = min(_time(lambda: (resnet50(H), resnet50(W))) for _ in range(5))
    assert best / 100 < 100e-6, f"{best / 100 * 1e6:.0f} us a convolution"


def _time(work: object) -> float:
    start = time.perf_counter()
    work()  # type: ignore[operator]
    return time.perf_counter() - start


@pytest.mark.parametrize(
    ("promise", "expected"),
    [
        ({}, ["H % 16 == 0", "W % 16 == 0"]),
        ({"multiple_of": 16}, []),
        ({"multiple_of": 4}, ["H % 16 == 0", "W % 16 == 0"]),
    ],
)
def test_unet_needs_a_multiple_of_16(promise: dict[str, int], expected: list[str]) -> None:
    c = Constraints(Facts({"H": promise, "W": promise}))
    for start in (H, W):
        levels = [start]
        for _ in range(4):
            levels.append(levels[-1] // 2)  # max_pool2d(2)
        up = levels[-1]
        for skip in reversed(levels[:-1]):
            up = conv(2 * up, 3, 1, 1)  # conv_transpose2d(2, stride 2), conv2d
            assert c.equal(up, skip)
            up = skip
    assert sorted(c.summary()) == expected


def test_unet_with_a_wrong_promise() -> None:
    c = Constraints(Facts({"H": {"max": 15}}))
    sizes = [H // 2**k for k in range(5)]
    assert not all(c.equal(2 * sizes[k + 1], sizes[k]) for k in (3, 2, 1, 0))
    assert "symbols" in c.explain() or "required" in c.explain()


def test_vit_patches_and_positions() -> None:
    c = Constraints(Facts({"W": {"multiple_of": 16}}))
    h, w = conv(H, 16, 16), conv(W, 16, 16)
    assert (str(h), str(w)) == ("H//16", "W//16")
    flat = 768 * h * w
    assert flat // 768 == h * w  # flatten(2), then transposed
    assert c.equal(h * w + 1, 197)
    assert c.summary() == ["(H//16)*(W//16) == 196"]
    assert c.equal(H, 224)
    assert c.equal(W, 224)
    assert not c.equal(H * W, 224 * 225)


def test_a_square_image_of_a_known_number_of_patches() -> None:
    c = Constraints()
    assert c.equal((H // 16) * (H // 16), 196)
    assert c.summary() == ["H >= 224", "H <= 239"]
    assert c.divisible(H, 16)
    assert c.summary() == ["H == 224"]


def test_attention_heads() -> None:
    total: Size = B * T * 768
    assert total // (B * T * 12) == 64
    assert total // (12 * 64) == B * T
    assert (B * 12 * T * 64) // (B * T) == 768
    assert (B * T * D) // (B * D) == T


def test_unpadded_convolutions_need_a_least_size() -> None:
    size: Size = H
    for _ in range(4):
        size = conv(conv(size, 3), 3) // 2
    c = Constraints()
    assert c.at_least(size, 8)
    (text,) = c.summary()
    least = int(text.removeprefix("H >= "))
    assert evaluate(size, {"H": least}) == 8 and evaluate(size, {"H": least - 1}) == 7


def test_wav2vec2_frames() -> None:
    """Baevski et al., 2020: seven convolutions, a stride of 320 samples and a receptive field of 400."""
    size: Size = T
    for kernel, stride in ((10, 5), (3, 2), (3, 2), (3, 2), (3, 2), (2, 2), (2, 2)):
        size = conv(size, kernel, stride)
    assert str(size) == "(T - 80)//320" or evaluate(size, {"T": 16000}) == 49
    c = Constraints()
    assert c.at_least(size, 1)
    assert c.summary() == ["T >= 400"]


def test_questions_stay_quick() -> None:
    def ask() -> None:
        c = Constraints()
        for x in (*resnet50(H), *resnet50(W)):
            assert c.at_least(x + 2, 3)
            assert c.equal(conv(x, 3, 1, 1), x)
        assert c.equal(B * resnet50(H)[-1], B * ((H - 1) // 32 + 1))

    ask()
    assert min(_time(ask) for _ in range(3)) < 0.1
