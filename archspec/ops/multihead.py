"""Multi-head attention with projections of its own."""

from __future__ import annotations

from typing import Any

from archspec.dims import Size
from archspec.ops.base import Example, Op, State, arg
from archspec.ops.calls import dtype_of, given
from archspec.ops.expr import Attr, Call, In, Index, Module
from archspec.ops.kinds import Bool, PositiveInt, Probability
from archspec.ops.registry import op
from archspec.ops.require import Require
from archspec.ops.tensor import TensorType


@op("multihead_attention", "torch.nn.MultiheadAttention")
class MultiheadAttention(Op):
    """Multi-head attention (Vaswani et al., 2017) of [T, N, features], or [N, T, features] with `batch_first`.

    A key that is left out is the query, a value that is left out the key: with one input it is self-attention. Unlike
    in torch, the attention weights are a second result only if asked for (`need_weights`), as they cost time. As in
    torch, a mask of booleans is true where a key may not be seen: the reverse of that of `attention`.
    """

    rule = "the shape of query; with `need_weights` also [N?, T, S], or one for each head, [N?, num_heads, T, S]"
    inputs = ("query", "key?", "value?", "key_padding_mask?", "attn_mask?")
    result = ("output", "weights")
    num_heads = arg(PositiveInt, doc="parallel heads, each of embed_dim / num_heads features")
    dropout = arg(Probability, 0.0, "dropout of the attention weights")
    bias = arg(Bool, True, "learn biases")
    add_bias_kv = arg(Bool, False, "append a learned key and value")
    add_zero_attn = arg(Bool, False, "append a key and value of zeros")
    batch_first = arg(Bool, False, "tensors are [N, T, features] instead of [T, N, features]")
    causal = arg(Bool, False, "position t attends only to positions up to t")
    need_weights = arg(Bool, False, "give the attention weights as a second result")
    average_attn_weights = arg(Bool, True, "average the weights over the heads")
    examples = (
        Example({"num_heads": 4, "batch_first": True}, "float32[B, T, 32]", "float32[B, T, 32]"),
        Example(
            {"num_heads": 2, "need_weights": True, "dropout": 0.1},
            ("float32[T, B, 8]", "float32[S, B, 12]", "float32[S, B, 6]"),
            ("float32[T, B, 8]", "float32[B, T, S]"),
        ),
        Example(
            {"num_heads": 2, "batch_first": True, "causal": True, "bias": False},
            ("float32[B, T, 8]", None, None, "bool[B, T]"),
            "float32[B, T, 8]",
        ),
        Example(
            {"num_heads": 2, "add_bias_kv": True, "need_weights": True, "average_attn_weights": False},
            ("float32[T, 8]", "float32[S, 8]", None, None, "float32[T, S]"),
            ("float32[T, 8]", "float32[2, T, S + 1]"),
        ),
    )

    def infer(self, require: Require, *inputs: TensorType | None) -> TensorType | tuple[TensorType, ...]:
        query, key, value, padding, mask = self._all(*inputs)
        require.floating(query, "`query`", inputs=(0,))
        require.rank(query, 2, 3, what="`query`", inputs=(0,))
        embed = require.known(
            query.shape[-1], "`multihead_attention` has weights for each feature", inputs=(0,), axis=(query.rank - 1,)
        )
        if embed % self.num_heads or embed == 0:
            require.fail(
                "AS305",
                f"the {embed} features of `query` do not split into {self.num_heads} heads",
                inputs=(0,),
                argument="num_heads",
                axis=(query.rank - 1,),
            )
        for number, (name, x) in enumerate((("key", key), ("value", value)), 1):
            if inputs[number] is None:
                continue
            require.same_dtype(query, x, f"query and {name}", inputs=(0, number))
            require.rank(x, query.rank, what=f"with a query {query}, `{name}`", inputs=(0, number))
            message = "`multihead_attention` has weights for each feature"
            require.known(x.shape[-1], message, inputs=(number,), axis=(x.rank - 1,))
            if x.rank == 3:
                axis = self._batch_axis()
                message = f"query and {name} differ in the batch dimension"
                require.equal(x.shape[axis], query.shape[axis], message, inputs=(number, 0), axis=(axis, axis))
        time = self._time_axis(query)
        target, source = query.shape[time], key.shape[time]
        message = "`multihead_attention` needs one value for each key"
        require.equal(source, value.shape[time], message, inputs=(1, 2), axis=(time, time))
        batch = query.shape[self._batch_axis()] if query.rank == 3 else None
        self._check_masks(require, query, padding, mask, batch, (target, source))
        if not self.need_weights:
            return query
        source = source + self.add_bias_kv + self.add_zero_attn
        heads = () if self.average_attn_weights else (self.num_heads,)
        weights = query.with_shape((*(() if batch is None else (batch,)), *heads, target, source))
        return (query, weights)

    def _all(self, *inputs: TensorType | None) -> tuple[TensorType, TensorType, TensorType, Any, Any]:
        query, key, value, padding, mask = inputs + (None,) * (5 - len(inputs))
        assert query is not None
        key = key or query
        return query, key, value or key, padding, mask

    def _batch_axis(self) -> int:
        return 0 if self.batch_first else 1

    def _time_axis(self, x: TensorType) -> int:
        return 1 if self.batch_first and x.rank == 3 else 0

    def _check_masks(
        self,
        require: Require,
        query: TensorType,
        padding: TensorType | None,
        mask: TensorType | None,
        batch: Size | None,
        scores: tuple[Size, Size],
    ) -> None:
        if self.causal and mask is not None:
            message = "`multihead_attention` takes `causal` or an attn_mask, not both"
            require.fail("AS210", message, inputs=(4,), argument="causal")
        heads: Size = self.num_heads if batch is None else self.num_heads * batch
        wanted: dict[int, list[tuple[Size, ...]]] = {
            3: [(scores[1],) if batch is None else (batch, scores[1])],
            4: [scores, (heads, *scores)],
        }
        for number, x in ((3, padding), (4, mask)):
            if x is None:
                continue
            name = self.inputs[number].rstrip("?")
            require.dtype(x, "bool", query.dtype, what=f"`{name}`", inputs=(number,))
            shapes = {len(shape): shape for shape in wanted[number]}
            require.rank(x, *shapes, what=f"`{name}`", inputs=(number,))
            for axis, (size, want) in enumerate(zip(x.shape, shapes[x.rank], strict=True)):
                message = f"`{name}` does not fit query and key in dimension {axis}"
                require.equal(size, want, message, inputs=(number,), axis=(axis,))
        if self.causal:
            message = "`causal` attention needs as many keys as queries"
            axis = self._time_axis(query)
            require.equal(*scores, message, inputs=(0, 1), argument="causal", axis=(axis, axis))

    def state(self, *inputs: TensorType | None) -> tuple[State, ...]:
        query, key, value, *_ = self._all(*inputs)
        embed, k, v = (int(x.shape[-1]) for x in (query, key, value))  # type: ignore[arg-type]
        if embed == k == v:
            shapes: dict[str, tuple[int, ...]] = {"in_proj_weight": (3 * embed, embed)}
        else:
            shapes = {"q_proj_weight": (embed, embed), "k_proj_weight": (embed, k), "v_proj_weight": (embed, v)}
        if self.bias:
            shapes["in_proj_bias"] = (3 * embed,)
        if self.add_bias_kv:
            shapes |= {"bias_k": (1, 1, embed), "bias_v": (1, 1, embed)}
        shapes["out_proj.weight"] = (embed, embed)
        if self.bias:
            shapes["out_proj.bias"] = (embed,)
        return tuple(State(name, shape, query.dtype) for name, shape in shapes.items())

    def flops(self, inputs: tuple[Any, ...], outputs: tuple[TensorType, ...]) -> Size:
        query, key, value, *_ = self._all(*inputs)
        time, embed = self._time_axis(query), query.shape[-1]
        batch = query.shape[self._batch_axis()] if query.rank == 3 else 1
        target, source = query.shape[time], key.shape[time]
        projections = 2 * target * embed + source * (key.shape[-1] + value.shape[-1])
        attended = source + self.add_bias_kv + self.add_zero_attn
        return 2 * batch * embed * (projections + 2 * target * attended)

    def module(self, *inputs: TensorType | None) -> Call:
        query, key, value, *_ = self._all(*inputs)
        embed, k, v = query.shape[-1], key.shape[-1], value.shape[-1]
        sizes = {} if embed == k == v else {"kdim": k, "vdim": v}
        names = ("dropout", "bias", "add_bias_kv", "add_zero_attn", "batch_first")
        return Call("nn.MultiheadAttention", embed, self.num_heads, **given(self, *names), **sizes, **dtype_of(query))

    def forward(self, *inputs: TensorType | None) -> Any:
        query, key, value, padding, mask = inputs + (None,) * (5 - len(inputs))
        assert query is not None
        key_number = 0 if key is None else 1
        options: dict[str, Any] = {}
        if padding is not None:
            options["key_padding_mask"] = In(3)
        if mask is not None:
            options["attn_mask"] = In(4)
        if self.causal:
            steps = query.shape[self._time_axis(query)]
            options["attn_mask"] = Call(
                "nn.Transformer.generate_square_subsequent_mask",
                steps,
                device=Attr(In(0), "device"),
                dtype=Attr(In(0), "dtype"),
            )
            options["is_causal"] = True
        if not self.need_weights:
            options["need_weights"] = False
        elif not self.average_attn_weights:
            options["average_attn_weights"] = False
        call = Module(In(0), In(key_number), In(key_number if value is None else 2), **options)
        return call if self.need_weights else Index(call, (0,))

    def sequential(self) -> bool:
        return False
