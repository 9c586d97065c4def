"""Attention as a function of queries, keys and values."""

from __future__ import annotations

from typing import Any, ClassVar

from archspec.dims import Size, maximum
from archspec.ops.base import Example, Op, arg
from archspec.ops.broadcast import broadcast
from archspec.ops.expr import Call, In, Method, Name, Training
from archspec.ops.kinds import BadValue, Bool, Number, Optional, PositiveInt, Probability
from archspec.ops.registry import op
from archspec.ops.require import Require
from archspec.ops.shaping import product
from archspec.ops.tensor import TensorType


@op("attention", "torch.nn.functional.scaled_dot_product_attention")
class Attention(Op):
    """Scaled dot-product attention (Vaswani et al., 2017).

    With `num_heads`, query, key and value are [B, T, heads * features]: they are split into heads, attend, and are
    merged again. Without it they are [..., T, features], split already.
    """

    rule = (
        "[*, T, E], [*, S, E], [*, S, V] → [*, T, V], where the [*] broadcast;"
        " `num_kv_heads` and `enable_gqa` let heads of key and value serve several of query"
    )
    inputs = ("query", "key", "value", "attn_mask?")
    defaults: ClassVar[dict[str, Any]] = {"is_causal": False}
    num_heads = arg(Optional(PositiveInt), None, "heads of the query; left out: the tensors are split already")
    num_kv_heads = arg(Optional(PositiveInt), None, "heads of key and value, each shared by several of the query")
    causal = arg(Bool, False, "position t attends only to positions up to t")
    window = arg(
        Optional(PositiveInt),
        None,
        "each position attends to so many: with `causal` itself and those before it, else also as many behind it",
    )
    dropout_p = arg(Probability, 0.0, "dropout of the attention weights in training")
    scale = arg(Optional(Number), None, "factor on the scores; left out: 1/sqrt(features of a head)")
    enable_gqa = arg(
        Bool, False, "tensors split already: the heads of key and value are shared by several of the query"
    )
    examples = (
        Example({"num_heads": 4, "causal": True}, ("float32[B, T, 32]",) * 3, "float32[B, T, 32]"),
        Example(
            {"num_heads": 4, "num_kv_heads": 2, "causal": True},
            ("float32[B, T, 32]", "float32[B, T, 16]", "float32[B, T, 16]"),
            "float32[B, T, 32]",
        ),
        Example(
            {"num_heads": 2, "dropout_p": 0.1, "scale": 1.0},
            ("float32[B, T, 8]", "float32[B, S, 8]", "float32[B, S, 12]", "bool[B, 1, 1, S]"),
            "float32[B, T, 12]",
        ),
        Example({}, ("float32[B, 4, T, 8]",) * 3, "float32[B, 4, T, 8]"),
        Example({"num_heads": 2, "causal": True, "window": 3}, ("float32[B, T, 8]",) * 3, "float32[B, T, 8]"),
        Example({"window": 2}, ("float32[B, 4, T, 8]",) * 3, "float32[B, 4, T, 8]"),
        Example(
            {"enable_gqa": True},
            ("float32[B, 4, T, 8]", "float32[B, 2, S, 8]", "float32[B, 2, S, 8]", "float32[T, S]"),
            "float32[B, 4, T, 8]",
        ),
    )

    def validate(self) -> None:
        if self.num_heads is None:
            if self.num_kv_heads is not None:
                raise BadValue(
                    "`num_kv_heads` goes with `num_heads`; for tensors split already there is `enable_gqa`",
                    ("num_kv_heads",),
                )
            return
        if self.enable_gqa:
            raise BadValue(
                "`enable_gqa` is for tensors split already; with `num_heads` give `num_kv_heads`", ("enable_gqa",)
            )
        if self.num_kv_heads is not None and self.num_heads % self.num_kv_heads:
            raise BadValue(
                f"`num_heads` {self.num_heads} is not a multiple of `num_kv_heads` {self.num_kv_heads}",
                ("num_kv_heads",),
            )

    def infer(
        self,
        require: Require,
        query: TensorType,
        key: TensorType,
        value: TensorType,
        attn_mask: TensorType | None = None,
    ) -> TensorType:
        for number, (name, x) in enumerate((("query", query), ("key", key), ("value", value))):
            require.floating(x, f"`{name}`", inputs=(number,))
            require.same_dtype(query, x, f"query and {name}", inputs=(0, number))
            if self.num_heads is None:
                require.rank(x, least=2, what=f"`{name}`", inputs=(number,))
            else:
                require.rank(x, 3, what=f"`{name}`, with `num_heads`,", inputs=(number,))
        q, k, v = (self.split(require, i, x) for i, x in enumerate((query, key, value)))
        require.equal(
            k.shape[-1], q.shape[-1], "`attention` multiplies queries and keys of different features",
            inputs=(1, 0), axis=(key.rank - 1, query.rank - 1),
        )  # fmt: skip
        require.equal(
            k.shape[-2], v.shape[-2], "`attention` needs one value for each key",
            inputs=(1, 2), axis=(key.rank - 2, value.rank - 2),
        )  # fmt: skip
        if q.shape[:-2] != v.shape[:-2] or k.shape[:-2] != v.shape[:-2]:
            for number, x in enumerate((query, key, value)):
                require.elements(x, f"`{self.inputs[number]}` is broadcast, and", inputs=(number,))
        batch = self.batch(require, q, k, v)
        if attn_mask is not None:
            self.check_mask(require, query, attn_mask, (*batch, q.shape[-2], k.shape[-2]))
        if self.num_heads is None:
            return query.with_shape((*batch, q.shape[-2], v.shape[-1]))
        return query.with_shape((batch[0], query.shape[1], v.shape[-1] * self.num_heads))

    def shard(self, number: int, axis: int, inputs: tuple[Any, ...], output: TensorType) -> int | None:
        if self.num_heads is not None:
            return axis if axis == 2 and number < 3 else None
        # Before time and features stand the batch and the heads.
        return axis + output.rank - inputs[number].rank if axis < inputs[number].rank - 2 else None

    def shards(self, number: int) -> int | None:
        return self.heads(number) if number < 3 else None

    def heads(self, number: int) -> int | None:
        """Heads of query (0), key (1) or value (2)."""
        return self.num_heads if number == 0 or self.num_kv_heads is None else self.num_kv_heads

    def split(self, require: Require | None, number: int, x: TensorType) -> TensorType:
        """The type with its heads as a dimension of their own."""
        heads = self.heads(number)
        if heads is None:
            return x
        if require is not None:
            message = f"the features of `{self.inputs[number]}` do not split into {heads} heads"
            argument = "num_heads" if number == 0 or self.num_kv_heads is None else "num_kv_heads"
            require.divisible(x.shape[2], heads, message, inputs=(number,), argument=argument, axis=(2,))
        return x.with_shape((x.shape[0], heads, x.shape[1], x.shape[2] // heads))

    def batch(self, require: Require, q: TensorType, k: TensorType, v: TensorType) -> tuple[Size, ...]:
        """The dimensions before time, the heads among them."""
        shapes = [t.shape[:-2] for t in (q, k, v)]
        if not (self.enable_gqa or self.num_kv_heads is not None):
            return broadcast(require, shapes, self.name, (0, 1, 2))
        if self.enable_gqa:
            for number, x in enumerate((q, k, v)):
                require.rank(x, least=3, what="with `enable_gqa`, each input", inputs=(number,))
                heads = require.known(
                    x.shape[-3], "`enable_gqa` compares numbers of heads", inputs=(number,), axis=(x.rank - 3,)
                )
                if number and (heads == 0 or q.shape[-3] % heads):
                    require.fail(
                        "AS305", f"the query has {q.shape[-3]} heads, not a multiple of {heads}", inputs=(0, number)
                    )
        return (*broadcast(require, [s[:-1] for s in shapes], self.name, (0, 1, 2)), q.shape[-3])

    def check_mask(self, require: Require, query: TensorType, mask: TensorType, scores: tuple[Size, ...]) -> None:
        if self.causal or self.window is not None:
            own = "causal" if self.causal else "window"
            require.fail("AS210", f"`attention` takes `{own}` or a mask, not both", inputs=(3,), argument=own)
        require.dtype(mask, "bool", query.dtype, what="`attn_mask`", inputs=(3,))
        require.rank(mask, *range(2, len(scores) + 1), what="`attn_mask`", inputs=(3,))
        for back in range(1, mask.rank + 1):
            size = mask.shape[-back]
            if size != 1:
                message = f"`attn_mask` does not fit the scores in dimension {-back}"
                require.stretches(size, scores[-back], message, inputs=(3,), axis=(mask.rank - back,))

    def flops(self, inputs: tuple[Any, ...], outputs: tuple[TensorType, ...]) -> Size:
        q, k, v = (self.split(None, i, x) for i, x in enumerate(inputs[:3]))
        pairs = q.shape[-2] * k.shape[-2]
        shared = self.enable_gqa or self.num_kv_heads is not None  # heads of keys and values, by several queries
        keys, values = ((*t.shape[:-3], q.shape[-3]) if shared else t.shape[:-2] for t in (k, v))
        scored = _joint(q.shape[:-2], keys)
        summed = _joint(scored, values)
        return 2 * pairs * (product(scored) * q.shape[-1] + product(summed) * v.shape[-1])

    def forward(
        self, query: TensorType, key: TensorType, value: TensorType, attn_mask: TensorType | None = None
    ) -> Any:
        q, k, v = (self._split_expr(i, x) for i, x in enumerate((query, key, value)))
        options: dict[str, Any] = {}
        if attn_mask is not None:
            options["attn_mask"] = In(3)
        if self.window is not None:
            time = -2 if self.num_heads is None else 1
            options["attn_mask"] = self._near(query.shape[time], key.shape[time])
        if self.dropout_p:
            options["dropout_p"] = Training(self.dropout_p, 0.0)
        if self.causal and self.window is None:
            options["is_causal"] = True
        if self.scale is not None:
            options["scale"] = self.scale
        if self.enable_gqa or self.num_kv_heads not in (None, self.num_heads):
            options["enable_gqa"] = True
        out = Call("F.scaled_dot_product_attention", q, k, v, **options)
        return out if self.num_heads is None else Method(Method(out, "transpose", 1, 2), "flatten", 2)

    def _near(self, queries: Size, keys: Size) -> Any:
        """The mask of a window: a band of the scores, up to the diagonal if causal."""
        assert self.window is not None
        pairs = Method(In(0), "new_ones", queries, keys, dtype=Name("torch.bool"))
        past = Method(pairs, "tril") if self.causal else Method(pairs, "tril", self.window - 1)
        return Method(past, "triu", 1 - self.window)

    def _split_expr(self, number: int, x: TensorType) -> Any:
        heads = self.heads(number)
        if heads is None:
            return In(number)
        size = x.shape[2] // heads
        return Method(
            Method(In(number), "unflatten", -1, (heads, size if isinstance(size, int) else -1)), "transpose", 1, 2
        )


def _joint(a: tuple[Size, ...], b: tuple[Size, ...]) -> tuple[Size, ...]:
    """The shape two shapes that fit broadcast to."""
    rank = max(len(a), len(b))
    a, b = (1,) * (rank - len(a)) + a, (1,) * (rank - len(b)) + b
    return tuple(y if x == 1 else x if x == y or y == 1 else maximum(x, y) for x, y in zip(a, b, strict=True))
