"""Keys and values of the tokens before, kept from one token to the next (see archspec.partition.cache)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention
from torch.overrides import TorchFunctionMode


class Cache(TorchFunctionMode):
    """While it is entered, one pass of a model over a row's first tokens, or over the one after those it has seen.

    Causal attention keeps its keys and values, [..., `most`, features] of each call in a pass, and a later token
    attends to those before it; positions count on. `length`: how many tokens it has seen.
    """

    def __init__(self, most: int) -> None:
        super().__init__()
        self.length = 0
        self._most = most
        self._kept: list[tuple[Tensor, Tensor]] = []
        self._call = 0

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        if func is scaled_dot_product_attention and kwargs.get("is_causal"):
            return self._attend(*args, **kwargs)
        if func is torch.arange and self.length:
            return func(*args, **kwargs) + self.length
        return func(*args, **kwargs)

    def _attend(self, query: Tensor, key: Tensor, value: Tensor, *, is_causal: bool, **options: Any) -> Tensor:
        if not self.length:
            room = [x.new_empty((*x.shape[:-2], self._most, x.shape[-1])) for x in (key, value)]
            self._kept.append((room[0], room[1]))
        keys, values = self._kept[self._call]
        self._call += 1
        end = self.length + key.shape[-2]
        keys[..., self.length : end, :] = key
        values[..., self.length : end, :] = value
        if not self.length:
            return scaled_dot_product_attention(query, key, value, is_causal=is_causal, **options)
        assert query.shape[-2] == 1  # which attends to all there are
        return scaled_dot_product_attention(query, keys[..., :end, :], values[..., :end, :], **options)

    def passed(self, tokens: int) -> None:
        """A pass over so many more tokens is done."""
        self.length += tokens
        self._call = 0
