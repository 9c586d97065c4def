"""Batches read by other processes are those that this process reads, in the same order."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from archspec.data import Batches, Fetcher, ImageSplit, TensorSplit, TextSplit
from archspec.data.workers import worker_failure
from archspec.diagnostics.model import Span, SpecError
from archspec.recipe.data_kinds import Images
from archspec.recipe.files import DataError

WORKERS = 2


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> ImageSplit:
    """Eight images; the last file is none."""
    folder = tmp_path_factory.mktemp("pictures")
    files = [folder / f"{i}.png" for i in range(9)]
    for i, file in enumerate(files):
        Image.fromarray(np.full((6, 5, 3), 20 * i, dtype=np.uint8)).save(file)
    files[-1].write_bytes(b"no image")
    kind = Images.parse({"path": str(folder), "size": [4, 4]})
    return ImageSplit(files, list(range(9)), kind, Span("spec.yaml", 3, 1, 3, 2))


@pytest.fixture(scope="module")
def splits(pictures: ImageSplit) -> list[TensorSplit | TextSplit | ImageSplit]:
    numbers = TensorSplit({"x": torch.arange(50.0).view(25, 2), "y": torch.arange(25)})
    return [numbers, TextSplit(torch.arange(100, dtype=torch.uint8), 8, 3), pictures]


@pytest.fixture(scope="module")
def fetcher(splits: list[TensorSplit | TextSplit | ImageSplit]) -> Iterator[Fetcher]:
    made = Fetcher(splits, WORKERS)
    yield made
    made.close()


def pairs(fetcher: Fetcher, batches: Batches) -> list[tuple[dict[str, torch.Tensor], int, bool]]:
    return [(batch, batches.position, batches.counted) for batch in fetcher.over(batches)]


@pytest.mark.parametrize("split", [0, 1])
@pytest.mark.parametrize(
    ("position", "part", "drop"), [(0, (0, 1), False), (12, (1, 3), False), (8, (0, 2), True), (25, (0, 1), False)]
)
def test_the_same_batches(
    fetcher: Fetcher, splits: list[TensorSplit], split: int, position: int, part: tuple[int, int], drop: bool
) -> None:
    def batches() -> Batches:
        made = Batches(splits[split], 4, seed=3, epoch=2, part=part, drop_last=drop)
        made.position = position
        return made

    before = torch.get_rng_state()
    got, want = pairs(fetcher, batches()), pairs(Fetcher(splits), batches())
    assert torch.equal(torch.get_rng_state(), before)  # what training draws does not depend on workers
    assert [entry[1:] for entry in got] == [entry[1:] for entry in want]
    assert len(got) == len(want)
    for (mine, *_), (theirs, *_) in zip(got, want, strict=True):
        assert mine.keys() == theirs.keys()
        assert all(torch.equal(mine[name], theirs[name]) for name in mine)


def test_an_epoch_that_is_left_early(fetcher: Fetcher, splits: list[TensorSplit]) -> None:
    """The position is that of what was given, not of what was read ahead; the next epoch begins at its beginning."""
    batches = Batches(splits[0], 4, seed=1)
    stream = fetcher.over(batches)
    next(stream)
    next(stream)
    assert batches.position == 8
    stream.close()  # type: ignore[attr-defined]
    again = Batches(splits[0], 4, seed=1)
    again.restore(batches.state())
    rest = [batch["y"] for batch in fetcher.over(again)]
    assert torch.equal(torch.cat(rest), Batches(splits[0], 4, seed=1).order()[8:])


def test_an_image_that_cannot_be_read(fetcher: Fetcher, pictures: ImageSplit) -> None:
    with pytest.raises(SpecError) as caught:
        list(fetcher.over(Batches(pictures, 4, shuffle=False)))
    (found,) = caught.value.diagnostics
    assert found.code == "AS504"
    assert "8.png: it is not an image" in found.message
    assert (found.span.file, found.span.line) == ("spec.yaml", 3)
    good = Batches(pictures, 8, shuffle=False)  # and it goes on
    batch = next(fetcher.over(good))
    assert batch["label"].tolist() == list(range(8))
    assert batch["image"][3].unique().tolist() == pytest.approx([60 / 255])


@pytest.mark.slow
def test_a_worker_that_is_killed(splits: list[TensorSplit]) -> None:
    fetcher = Fetcher(splits, 1)
    with pytest.raises(DataError, match=r"a worker that reads the data was ended .* fewer `workers`"):
        for _ in range(1000):
            for _batch in fetcher.over(Batches(splits[0], 1)):
                assert fetcher._loader is not None
                os.kill(fetcher._loader._iterator._workers[0].pid, signal.SIGKILL)  # type: ignore[union-attr]
    fetcher.close()


@pytest.mark.slow
def test_a_worker_that_ends_as_it_hands_over(splits: list[TensorSplit], monkeypatch: pytest.MonkeyPatch) -> None:
    """The loader may meet the broken connection before it hears of the process."""
    fetcher = Fetcher(splits, 1)
    batches = fetcher.over(Batches(splits[0], 1))
    next(batches)
    loader = fetcher._loader
    assert loader is not None

    def broken(*args: Any) -> None:
        monkeypatch.undo()
        os.kill(loader._iterator._workers[0].pid, signal.SIGKILL)  # type: ignore[union-attr]
        raise ConnectionResetError(104, "Connection reset by peer")

    monkeypatch.setattr(loader._iterator, "_next_data", broken)
    with pytest.raises(DataError, match=r"a worker that reads the data was ended .* fewer `workers`"):
        list(batches)
    fetcher.close()


def test_what_the_loader_says_of_workers() -> None:
    killed = worker_failure(RuntimeError("DataLoader worker (pid 17) is killed by signal: Killed. "))
    assert "(process 17: Killed)" in str(killed)
    exited = worker_failure(RuntimeError("DataLoader worker (pid(s) 17, 18) exited unexpectedly"))
    assert "(process 17, 18: exited unexpectedly)" in str(exited)
    assert worker_failure(RuntimeError("CUDA error")) is None
    assert worker_failure(RuntimeError("")) is None


def test_a_cache_of_images_is_shared(pictures: ImageSplit, fetcher: Fetcher) -> None:
    """What a worker decoded is kept for all: the memory is one."""
    list(fetcher.over(Batches(pictures, 4, shuffle=False, drop_last=True)))
    assert pictures._known[:8].all()


def test_files_as_paths(tmp_path: Path) -> None:
    """A split travels to a worker without threads of its own."""
    Image.new("RGB", (4, 4)).save(tmp_path / "a.png")
    split = ImageSplit([tmp_path / "a.png"] * 2, [0, 1], Images.parse({"path": ".", "size": 4}), Span("s", 1, 1, 1, 2))
    split.take(torch.tensor([0]))
    assert split.__getstate__()["_pool"] is None
