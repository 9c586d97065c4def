"""Keys and values that are kept: what a model says of each token is what it says with all of them before it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from archspec import pipeline
from archspec.model.build import from_source
from archspec.partition.cache import NeedsWhole, check_apart
from archspec.runtime.cache import Cache

SPECS = Path(__file__).parents[2] / "specs"
SMALL = {
    "char_gpt": {"dropout": 0.1},
    "language/gpt2": {"vocab": 100, "dim": 48, "heads": 4, "depth": 3, "context": 32},
    "language/llama_tiny": {"depth": 2, "vocab": 100},
}
ALSO = "arcee cohere falcon gemma glm4 gpt_neox gptj granite nemotron olmo2 phi3 phi qwen2 qwen3 smollm3 stablelm"


def checked(spec: str, params: dict[str, Any] | None = None) -> Any:
    report = pipeline.check(SPECS / f"{spec}.yaml", params or {}).raise_for_errors()
    assert report.typed is not None
    return report


def agree(report: Any, tokens: int = 12, prompt: int = 5, most: int = 24) -> None:
    """Logits of each token after a prompt, one by one, against one pass over all."""
    check_apart(report.typed)
    torch.manual_seed(0)
    model = from_source(pipeline.emitted(report)).eval()
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.3) if parameter.ndim > 1 else None
    row = torch.randint(0, 50, (2, tokens))
    first = lambda out: out if isinstance(out, torch.Tensor) else next(iter(out.values()))  # noqa: E731
    with torch.inference_mode():
        want = first(model(row))
        assert want.std() > 0.01
        cache = Cache(most)
        for start, end in [(0, prompt), *((k, k + 1) for k in range(prompt, tokens))]:
            with cache:
                got = first(model(row[:, start:end]))
            cache.passed(end - start)
            torch.testing.assert_close(got, want[:, start:end], rtol=1e-5, atol=1e-5 * float(want.abs().max()))
            assert torch.equal(got[:, -1].argmax(-1), want[:, end - 1].argmax(-1))


@pytest.mark.parametrize("spec", SMALL)
def test_the_same_logits(spec: str) -> None:
    agree(checked(spec, SMALL[spec]))


@pytest.mark.slow
@pytest.mark.parametrize("name", ALSO.split())
def test_the_same_logits_of_published_models(name: str) -> None:
    agree(checked(f"language/{name}_tiny"))


BODY = """archspec: 1
inputs: {{tokens: "int64[B, T]"}}
layers:
  - {{name: e, embedding: {{num_embeddings: 50, embedding_dim: 8}}}}
{layers}
"""


@pytest.mark.parametrize(
    ("layers", "what"),
    [
        ("  - {attention: {num_heads: 2}, from: [e, e, e]}", "`attention`"),
        ("  - {attention: {num_heads: 2, causal: true, window: 3}, from: [e, e, e]}", "`attention`"),
        ("  - {flip: 1}\n  - {attention: {num_heads: 2, causal: true}, from: [e, flip, e]}", "`flip`"),
        ("  - {cumsum: 1}", "`cumsum`"),
        ("  - {softmax: 1}", "`softmax`"),
        ("  - {mean: {dim: 1, keepdim: true}}\n  - {sub: {}, from: [e, mean]}", "`mean`"),
        ("  - {lstm: {hidden_size: 8, batch_first: true}, outputs: [y, h, c]}", "`lstm`"),
        ("  - {div: $T}", "`div`"),
        ("  - {name: p, arange: {like: tokens, dim: 1, start: 1}}\n  - {sum: {}, from: p}", "`arange`"),
        ("  - {name: p, ones: {shape: [$T, 1], like: e}}\n  - {add: {}, from: [e, p]}", "`ones`"),
        ("  - {transpose: {dim0: 1, dim1: 2}}\n  - {conv1d: {out_channels: 8, kernel_size: 1}}", "`conv1d`"),
        ("  - {transpose: {dim0: 1, dim1: 2}}\n  - {attention: {causal: true}, from: [t, t, t]}", "`attention`"),
        ("  - {reshape: [-1, 8]}", "`reshape`"),
        (
            "  - {transpose: {dim0: 0, dim1: 1}}\n  - {flatten: {start_dim: 1}}\n  - {select: {dim: 0, index: -1}}",
            "`select`",
        ),
    ],
)
def test_what_needs_the_sequence_whole(layers: str, what: str) -> None:
    text = BODY.format(
        layers=layers.replace("{flip: 1}", "{name: flip, flip: 1}").replace("{mean: ", "{name: mean, mean: ")
    )
    text = text.replace(
        "{transpose: {dim0: 1, dim1: 2}}\n  - {att", "{name: t, transpose: {dim0: 1, dim1: 2}}\n  - {att"
    )
    report = pipeline.check(pipeline.Spec(text.encode(), "s.yaml", Path())).raise_for_errors()
    assert report.typed is not None
    with pytest.raises(NeedsWhole, match=f"^{what} needs the sequence whole"):
        check_apart(report.typed)


@pytest.mark.parametrize("name", ["bert_base", "gru_language_model", "mixtral_tiny", "mistral_tiny", "bloom_tiny"])
def test_published_models_that_need_it(name: str) -> None:
    with pytest.raises(NeedsWhole):
        check_apart(checked(f"language/{name}").typed)
