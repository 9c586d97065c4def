"""Files of weights from strangers: every one is refused in words, in little time and memory, and none runs code."""

from __future__ import annotations

import io
import json
import os
import pickle
import struct
import zipfile
from collections import OrderedDict
from pathlib import Path
from typing import Any

import pytest
import torch
from transfer_cases import built, load, save, write

from archspec import pipeline
from archspec.model.transfer import Reader, WeightsError
from archspec.transfer.header import MAX_HEADER, WeightsFileError, read_header


def packed(header: Any, data: bytes = b"", length: int | None = None) -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text) if length is None else length) + text + data


def entry(dtype: Any = "F32", shape: Any = (1,), begin: Any = 0, end: Any = 4) -> dict[str, Any]:
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "too short"),
        (b"\x10\0\0", "too short"),
        (packed({}, length=1 << 60), "would end at byte"),
        (packed(b"{"), "not valid JSON"),
        (packed(b"[" * 100_000), "not valid JSON"),
        (packed(b"\xff\xfe"), "not valid JSON"),
        (packed([]), "not a JSON object"),
        (packed({"a": 3}), "has no dtype"),
        (packed({"a": entry(shape="x")}, b"1234"), "of another kind"),
        (packed({"a": entry(shape=[-1])}, b"1234"), "of another kind"),
        (packed({"a": entry(shape=[True])}, b"1234"), "of another kind"),
        (packed({"a": entry(shape=[1] * 100)}, b"1234"), "of another kind"),
        (packed({"a": entry(shape=[2])}, b"1234"), "do not make F32 [2]"),
        (packed({"a": entry(shape=[2**62, 2**62])}, b"1234"), "do not make"),
        (packed({"a": entry(begin=4, end=0)}, b"1234"), "do not make"),
        (packed({"a": entry(), "b": entry()}, b"1234"), "overlap"),
        (packed({"a": entry(), "b": entry(begin=2, end=6)}, b"123456"), "overlap"),
        (packed({"a": entry(begin=4, end=8)}, b"12345678"), "belong to no tensor"),
        (packed({"a": entry()}, b"123"), "ends 1 bytes early"),
        (packed({"a": entry()}, b"12345"), "1 bytes at its end"),
        (packed(b'{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"a":{"dtype":"F32"}}', b"1234"), "twice"),
        (packed({"x" * 2000: entry()}, b"1234"), "name of 2,000 characters"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n", "not a whole safetensors file"),
    ],
)
def test_headers(tmp_path: Path, content: bytes, words: str) -> None:
    path = tmp_path / "w.safetensors"
    path.write_bytes(content)
    with pytest.raises(WeightsFileError) as caught:
        read_header(path)
    assert words in str(caught.value)
    (found,) = pipeline.check(write(tmp_path, "w.safetensors")).diagnostics
    assert found.code == "AS702"


def test_a_huge_header_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    with path.open("wb") as file:
        file.write(struct.pack("<Q", MAX_HEADER + 1))
        file.truncate(MAX_HEADER + 100)
    with pytest.raises(WeightsFileError, match="header of 16,777,217 bytes"):
        read_header(path)


def test_hints_for_what_is_seen_often(tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    torch.save({"a": torch.zeros(3)}, path)
    with pytest.raises(WeightsFileError) as caught:
        read_header(path)
    assert caught.value.help is not None and ".pt" in caught.value.help


def test_quantised_weights_are_not_taken_for_numbers(tmp_path: Path) -> None:
    state = built().state_dict()
    save(tmp_path, {k: t.to(torch.float8_e4m3fn) if k == "head.weight" else t for k, t in state.items()})
    (found,) = pipeline.check(write(tmp_path, "w.safetensors")).diagnostics
    assert "1 wrong dtype" in found.message


def test_pipes_and_folders(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.safetensors")
    (tmp_path / "folder").mkdir()
    for name, words in (("pipe.safetensors", "no ordinary file"), ("folder", "no weights in the folder")):
        (found,) = pipeline.check(write(tmp_path, name)).diagnostics
        assert found.code == "AS702" and words in found.message


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("[]", "no `weight_map`"),
        ('{"weight_map": {}}', "no `weight_map`"),
        ('{"weight_map": {"a": 3}}', "no `weight_map`"),
        ('{"weight_map": {"a": "../../etc/passwd"}}', "not one of weights beside it"),
        ('{"weight_map": {"a": "/etc/x.safetensors"}}', "not one of weights beside it"),
        ('{"weight_map": {"a": "..\\\\x.safetensors"}}', "not one of weights beside it"),
        ('{"weight_map": {"a": "sub/x.safetensors"}}', "not one of weights beside it"),
        ('{"weight_map": {"a": "net.yaml"}}', "not one of weights beside it"),
        ('{"weight_map": {"a": "none.safetensors"}}', "No such file"),
        ('{"weight_map": ' + "[" * 100_000, "not valid JSON"),
        (json.dumps({"weight_map": {str(k): f"{k}.safetensors" for k in range(2000)}}), "names 2,000 files"),
    ],
)
def test_indices(tmp_path: Path, content: str, words: str) -> None:
    (tmp_path / "model.safetensors.index.json").write_text(content)
    (found,) = pipeline.check(write(tmp_path, "model.safetensors.index.json")).diagnostics
    assert found.code == "AS702" and words in found.message


def test_shards(tmp_path: Path) -> None:
    """As Hugging Face writes them; its cache has links to the files."""
    source = built().state_dict()
    names = list(source)
    (tmp_path / "blobs").mkdir()
    save(tmp_path / "blobs", {k: source[k] for k in names[:5]}, "1.safetensors")
    (tmp_path / "m-1.safetensors").symlink_to(tmp_path / "blobs" / "1.safetensors")
    save(tmp_path, {k: source[k] for k in names[5:]}, "m-2.safetensors")
    where = {k: f"m-{1 if k in names[:5] else 2}.safetensors" for k in names}
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps({"metadata": {}, "weight_map": where}))
    for named in ("model.safetensors.index.json", ".", ["m-1.safetensors", "m-2.safetensors"]):
        module, _ = load(write(tmp_path, named))
        assert all(torch.equal(module.state_dict()[k], source[k]) for k in names)
    save(tmp_path, {names[0]: source[names[0]]}, "m-2.safetensors")
    (found,) = pipeline.check(write(tmp_path, ["m-1.safetensors", "m-2.safetensors"])).diagnostics
    assert found.code == "AS702" and "too" in found.message


def test_a_folder_with_files_of_other_names(tmp_path: Path) -> None:
    """diffusers' names, or the only file there is; where there are several, which of them is not guessed."""
    source = built().state_dict()
    (tmp_path / "unet").mkdir()
    for name in ("some.safetensors", "diffusion_pytorch_model.safetensors"):
        save(tmp_path / "unet", source, name)
        module, _ = load(write(tmp_path, "unet"))
        assert all(torch.equal(module.state_dict()[k], source[k]) for k in source)
        (tmp_path / "unet" / "optimizer.pt").write_bytes(b"none of its weights")
    (tmp_path / "unet" / "diffusion_pytorch_model.safetensors").rename(tmp_path / "unet" / "other.safetensors")
    (found,) = pipeline.check(write(tmp_path, "unet")).diagnostics
    assert found.code == "AS702" and "no weights of the usual names" in found.message
    assert found.help is not None and found.help.endswith("optimizer.pt, other.safetensors, some.safetensors")


class Evil:
    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return os.mkdir, ("pwned",)


def torch_file(path: Path, data: Any, **more: Any) -> Path:
    torch.save(data, path, **more)
    return path


def test_pickles_run_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for more in ({}, {"_use_new_zipfile_serialization": False}):
        path = torch_file(tmp_path / "w.pt", {"a": torch.zeros(1), "b": Evil()}, **more)
        with pytest.raises(WeightsFileError, match="could run code") as caught:
            Reader([path])
        assert caught.value.help is not None and "state_dict()" in caught.value.help
        assert f"it names `{os.name}.mkdir`" in str(caught.value), "and not PyTorch's advice to run it all the same"
    (tmp_path / "w.bin").write_bytes(pickle.dumps(Evil()))
    with pytest.raises(WeightsFileError):
        Reader([tmp_path / "w.bin"])
    assert not (tmp_path / "pwned").exists()


def test_damaged_pickles(tmp_path: Path) -> None:
    path = torch_file(tmp_path / "w.pt", {"a": torch.arange(1000.0)})
    whole = path.read_bytes()
    for size in (0, 1, 4, 30, 200, len(whole) // 2, len(whole) - 30):
        path.write_bytes(whole[:size])
        with pytest.raises(WeightsFileError):
            Reader([path])
    for content in (b"junk" * 100, b"PK\x03\x04" + b"\0" * 100, b"PK\x05\x06" + b"\0" * 18, b"\x80\x02]."):
        path.write_bytes(content)
        with pytest.raises(WeightsFileError):
            Reader([path])
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(WeightsFileError, match="no ordinary file"):
        Reader([path])


def test_a_zip_bomb(tmp_path: Path) -> None:
    path = torch_file(tmp_path / "w.pt", {"a": torch.zeros(1_000_000)})
    squeezed = io.BytesIO()
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(squeezed, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            new.writestr(name, old.read(name))
    path.write_bytes(squeezed.getvalue())
    with pytest.raises(WeightsFileError, match="compressed"):
        Reader([path])


def test_a_tensor_of_no_memory_that_claims_much(tmp_path: Path) -> None:
    """A view of one number as many: it is of another shape than the model's, and never written out."""
    huge = torch.zeros(1).expand(1 << 20, 1 << 20)
    torch_file(tmp_path / "w.pt", {**built().state_dict(), "head.weight": huge})
    with pytest.raises(WeightsError, match="1 wrong shape"):
        load(write(tmp_path, "w.pt"))


@pytest.mark.parametrize("wrap", [
    lambda s: s,
    lambda s: {"state_dict": s, "epoch": 3},
    lambda s: {"model": {f"module.{k}": v for k, v in s.items()}, "optimizer": {"state": {}}},
    lambda s: {"model": {f"module._orig_mod.{k}": v for k, v in s.items()}, "args": None},
    lambda s: {f"module.{k}".replace("body.", "body._checkpoint_wrapped_module."): v for k, v in s.items()},
    lambda s: {"outer": {"state_dict": s}},
    lambda s: OrderedDict(s, epoch=3),
])  # fmt: skip
def test_checkpoints_as_people_write_them(tmp_path: Path, wrap: Any) -> None:
    source = built().state_dict()
    torch_file(tmp_path / "w.pt", wrap(dict(source)))
    module, report = load(write(tmp_path, "w.pt"))
    assert all(torch.equal(module.state_dict()[k], t) for k, t in source.items())
    assert bool(report.notes) is (wrap(source) is not source), "what was done is told"


def test_the_place_in_a_nested_checkpoint_can_be_named(tmp_path: Path) -> None:
    source = built().state_dict()
    torch_file(tmp_path / "w.pt", {"model": built(seed=5).state_dict(), "ema": {"model": source}})
    module, _ = load(write(tmp_path, {"file": "w.pt", "key": "ema.model"}))
    assert torch.equal(module.state_dict()["head.weight"], source["head.weight"])
    _, report = load(write(tmp_path, "w.pt"))
    assert report.notes == ["from `model` of the checkpoint (and there is ema: `key` chooses)"]
    with pytest.raises(WeightsError) as caught:
        load(write(tmp_path, {"file": "w.pt", "key": "emo"}))
    assert caught.value.help == "did you mean `ema`?"
    torch_file(tmp_path / "w.pt", {"a": {"x": 1}, "b": {"y": 2}})
    with pytest.raises(WeightsError, match="no tensors are found"):
        load(write(tmp_path, "w.pt"))
    torch_file(tmp_path / "w.pt", [torch.zeros(2)])
    with pytest.raises(WeightsError, match="a list"):
        load(write(tmp_path, "w.pt"))


def test_a_module_named_module_keeps_its_name(tmp_path: Path) -> None:
    net = 'archspec: 1\nname: n\ninputs: {x: "float32[B, 8]"}\nlayers: [{name: module, sequence: [linear: 4]}]\n'
    source = built(net).state_dict()
    save(tmp_path, source)
    module, report = load(write(tmp_path, "w.safetensors", net))
    assert list(module.state_dict()) == ["module.0.weight", "module.0.bias"] and not report.notes
