"""Normalisation. The number of features, or the normalised shape, comes from the input."""

from __future__ import annotations

from math import prod
from typing import Any, ClassVar

from archspec.dims import Size
from archspec.ops.base import Example, Op, State, arg
from archspec.ops.calls import dtype_of, given
from archspec.ops.expr import Call, In, Method
from archspec.ops.kinds import BadValue, Bool, ListOf, Number, Optional, PositiveFloat, PositiveInt
from archspec.ops.registry import op
from archspec.ops.require import Require
from archspec.ops.rules import SAME
from archspec.ops.spatial import Spatial
from archspec.ops.tensor import COMPLEX, FLOATING, TensorType


class _Tracked(Spatial):
    """Batch and instance normalisation: optional affine parameters, optional running statistics."""

    rule: ClassVar[str] = SAME
    affine: bool
    track_running_stats: bool

    def features(self, x: TensorType) -> Size:
        return x.shape[-self.axes - 1]

    def state(self, x: TensorType) -> tuple[State, ...]:
        shape = (int(self.features(x)),)  # type: ignore[arg-type]
        out: tuple[State, ...] = ()
        if self.affine:
            out += (State("weight", shape, x.dtype), State("bias", shape, x.dtype))
        if self.track_running_stats:
            out += (
                State("running_mean", shape, x.dtype, parameter=False),
                State("running_var", shape, x.dtype, parameter=False),
            )
            out += (State("num_batches_tracked", (), "int64", parameter=False),)
        return out

    def centred_axis(self, x: TensorType) -> int | None:
        return x.rank - self.axes - 1

    def module(self, x: TensorType) -> Call:
        return Call(
            self.counterpart[6:], self.features(x), **given(self, *self.args), **(dtype_of(x) if self.state(x) else {})
        )


class _BatchNorm(_Tracked):
    """Mean and variance over the batch and all spatial axes, per channel."""

    ranks: ClassVar[tuple[int, ...]]

    eps = arg(PositiveFloat, 1e-5, "added to the variance")
    momentum = arg(Optional(Number), 0.1, "weight of a new batch in the running statistics; null: their plain average")
    affine = arg(Bool, True, "learn a scale and a shift for each channel")
    track_running_stats = arg(Bool, True, "keep running statistics for evaluation")

    def features(self, x: TensorType) -> Size:
        return x.shape[1]

    def centred_axis(self, x: TensorType) -> int | None:
        return 1

    def infer(self, require: Require, x: TensorType) -> TensorType:
        what = f"the input of `{self.name}`"
        require.floating(x, what, inputs=(0,))
        require.rank(x, *self.ranks, what=what, inputs=(0,))
        require.features(x, 1, f"the channel dimension of the input of `{self.name}` must be known", inputs=(0,))
        if not self.track_running_stats:  # also normalises by the batch in evaluation
            values = prod((x.shape[0], *x.shape[2:]))
            require.at_least(values, 2, f"`{self.name}` has too few values for each channel", inputs=(0,))
        return x


class _InstanceNorm(_Tracked):
    """Mean and variance over the spatial axes, per channel of each sample."""

    eps = arg(Number, 1e-5, "added to the variance")
    momentum = arg(Number, 0.1, "weight of a new batch in the running statistics")
    affine = arg(Bool, False, "learn a scale and a shift for each channel")
    track_running_stats = arg(Bool, False, "keep running statistics for evaluation")

    def infer(self, require: Require, x: TensorType) -> TensorType:
        require.floating(x, f"the input of `{self.name}`", inputs=(0,))
        sizes = self.spatial(require, x)
        self.channels(require, x)
        require.at_least(prod(sizes), 2, f"`{self.name}` has too few values for each channel", inputs=(0,))
        if x.rank == self.axes + 2:
            require.at_least(x.shape[0], 1, f"`{self.name}` has an empty batch", inputs=(0,), axis=(0,))
        return x


@op("batch_norm1d", "torch.nn.BatchNorm1d")
class BatchNorm1d(_BatchNorm, axes=1):
    """Batch normalisation of [N, C] or [N, C, L] (Ioffe and Szegedy, 2015)."""

    ranks = (2, 3)
    examples = (
        Example({}, "float32[B, 8]", "float32[B, 8]"),
        Example({"eps": 1e-3, "momentum": None, "affine": False}, "float64[B, 8, T]", "float64[B, 8, T]"),
    )


@op("batch_norm2d", "torch.nn.BatchNorm2d")
class BatchNorm2d(_BatchNorm, axes=2):
    """Batch normalisation of [N, C, H, W] (Ioffe and Szegedy, 2015)."""

    ranks = (4,)
    examples = (
        Example({}, "float32[B, 8, H, W]", "float32[B, 8, H, W]"),
        Example({"eps": 1e-3, "momentum": 0.01}, "bfloat16[B, 8, 4, 4]", "bfloat16[B, 8, 4, 4]"),
        Example({"track_running_stats": False}, "float32[2, 8, 4, 4]", "float32[2, 8, 4, 4]"),
    )


@op("batch_norm3d", "torch.nn.BatchNorm3d")
class BatchNorm3d(_BatchNorm, axes=3):
    """Batch normalisation of [N, C, D, H, W] (Ioffe and Szegedy, 2015)."""

    ranks = (5,)
    examples = (
        Example({}, "float32[B, 8, D, H, W]", "float32[B, 8, D, H, W]"),
        Example({"affine": False, "track_running_stats": False}, "float32[B, 2, 3, 3, 3]", "float32[B, 2, 3, 3, 3]"),
    )


@op("instance_norm1d", "torch.nn.InstanceNorm1d")
class InstanceNorm1d(_InstanceNorm, axes=1):
    """Instance normalisation of [N, C, L] or [C, L] (Ulyanov et al., 2016)."""

    examples = (
        Example({}, "float32[B, 4, T]", "float32[B, 4, T]"),
        Example({"affine": True, "track_running_stats": True}, "float64[4, 9]", "float64[4, 9]"),
    )


@op("instance_norm2d", "torch.nn.InstanceNorm2d")
class InstanceNorm2d(_InstanceNorm, axes=2):
    """Instance normalisation of [N, C, H, W] or [C, H, W] (Ulyanov et al., 2016)."""

    examples = (
        Example({}, "float32[B, 4, H, W]", "float32[B, 4, H, W]"),
        Example({"affine": True, "eps": 1e-3}, "float32[4, 3, 5]", "float32[4, 3, 5]"),
    )


@op("instance_norm3d", "torch.nn.InstanceNorm3d")
class InstanceNorm3d(_InstanceNorm, axes=3):
    """Instance normalisation of [N, C, D, H, W] or [C, D, H, W] (Ulyanov et al., 2016)."""

    examples = (
        Example({}, "float32[B, 4, D, H, W]", "float32[B, 4, D, H, W]"),
        Example({"track_running_stats": True, "momentum": 0.2}, "float32[B, 4, 2, 3, 3]", "float32[B, 4, 2, 3, 3]"),
    )


class _LastDims(Op):
    """Normalisation over the last dimensions, with parameters of their shape."""

    rule: ClassVar[str] = SAME
    bias: bool
    dtypes: ClassVar[tuple[str, ...]] = FLOATING

    normalized_shape = arg(
        Optional(ListOf(PositiveInt, 1, lone=True)),
        None,
        "sizes of the dimensions to normalise over, if they are to be written out",
    )
    dims = arg(PositiveInt, 1, "how many of the last dimensions to normalise over")
    elementwise_affine = arg(Bool, True, "learn a scale (and a shift, where the op has one) for each element")

    def validate(self) -> None:
        if self.normalized_shape is not None and self.dims not in (1, len(self.normalized_shape)):
            raise BadValue(
                "`dims` and `normalized_shape` say different things; `normalized_shape` alone is enough", ("dims",)
            )

    def shard(self, number: int, axis: int, inputs: tuple[Any, ...], output: TensorType) -> int | None:
        return axis if axis < output.rank - self.count else None

    @property
    def count(self) -> int:
        return self.dims if self.normalized_shape is None else len(self.normalized_shape)

    def infer(self, require: Require, x: TensorType) -> TensorType:
        what = f"the input of `{self.name}`"
        require.dtype(x, *self.dtypes, what=what, inputs=(0,))
        require.rank(x, least=self.count, what=what, inputs=(0,))
        sizes = x.shape[-self.count :]
        for i, size in enumerate(sizes):
            where: dict[str, Any] = {"inputs": (0,), "axis": (x.rank - len(sizes) + i,)}
            if self.normalized_shape is not None:
                message = f"`normalized_shape` differs from the input of `{self.name}`"
                size = require.equal(size, self.normalized_shape[i], message, argument="normalized_shape", **where)
            require.known(size, f"a dimension that `{self.name}` normalises must be known", **where)
        return x

    def parameter_names(self) -> tuple[str, ...]:
        return ("weight",) if self.elementwise_affine else ()

    def shape(self, x: TensorType) -> tuple[Any, ...]:
        return x.shape[-self.count :] if self.normalized_shape is None else self.normalized_shape

    def state(self, x: TensorType) -> tuple[State, ...]:
        return tuple(
            State(name, self.shape(x), x.dtype if x.is_floating else "float32") for name in self.parameter_names()
        )

    def module(self, x: TensorType) -> Call:
        names = [name for name in self.args if name not in ("normalized_shape", "dims")]
        shape = self.shape(x)
        return Call(
            self.counterpart[6:],
            shape[0] if len(shape) == 1 else shape,
            **given(self, *names),
            **(dtype_of(x) if self.state(x) else {}),
        )


@op("layer_norm", "torch.nn.LayerNorm")
class LayerNorm(_LastDims):
    """Layer normalisation over the last dimensions (Ba et al., 2016)."""

    eps = arg(Number, 1e-5, "added to the variance")
    bias = arg(Bool, True, "learn a shift as well as a scale")
    examples = (
        Example({}, "float32[B, T, 16]", "float32[B, T, 16]"),
        Example({"dims": 2, "bias": False, "eps": 1e-6}, "float32[B, 3, 4]", "float32[B, 3, 4]"),
        Example({"normalized_shape": [3, 4]}, "float64[B, 3, 4]", "float64[B, 3, 4]"),
        Example({"elementwise_affine": False}, "bfloat16[8]", "bfloat16[8]"),
    )

    def parameter_names(self) -> tuple[str, ...]:
        return (*super().parameter_names(), *(("bias",) if self.elementwise_affine and self.bias else ()))


@op("rms_norm", "torch.nn.RMSNorm")
class RMSNorm(_LastDims):
    """Root mean square normalisation over the last dimensions (Zhang and Sennrich, 2019)."""

    dtypes = (*FLOATING, *COMPLEX)
    eps = arg(Optional(Number), None, "added to the mean of the squares; null: the machine epsilon of the dtype")
    examples = (
        Example({}, "float32[B, T, 16]", "float32[B, T, 16]"),
        Example({"eps": 1e-6, "dims": 2, "elementwise_affine": False}, "float64[B, 3, 4]", "float64[B, 3, 4]"),
    )


@op("group_norm", "torch.nn.GroupNorm")
class GroupNorm(Op):
    """Group normalisation of [N, C, *] (Wu and He, 2018)."""

    rule = SAME
    num_groups = arg(PositiveInt, doc="groups the channels are divided into")
    eps = arg(Number, 1e-5, "added to the variance")
    affine = arg(Bool, True, "learn a scale and a shift for each channel")
    examples = (
        Example(2, "float32[B, 8, H, W]", "float32[B, 8, H, W]"),
        Example({"num_groups": 3, "affine": False, "eps": 1e-6}, "float64[2, 6]", "float64[2, 6]"),
        Example({"num_groups": 4}, "float32[2, 4, T]", "float32[2, 4, T]"),
    )

    def infer(self, require: Require, x: TensorType) -> TensorType:
        require.floating(x, "the input of `group_norm`", inputs=(0,))
        require.rank(x, least=2, what="the input of `group_norm`", inputs=(0,))
        channels = require.known(
            x.shape[1], "the channel dimension of the input of `group_norm` must be known", inputs=(0,), axis=(1,)
        )
        message = "the channels of the input of `group_norm` do not divide into `num_groups`"
        require.divisible(channels, self.num_groups, message, inputs=(0,), axis=(1,), argument="num_groups")
        values = prod((x.shape[0] * (channels // self.num_groups), *x.shape[2:]))
        require.at_least(values, 2, "`group_norm` has too few values for each group", inputs=(0,))
        return x

    def state(self, x: TensorType) -> tuple[State, ...]:
        if not self.affine:
            return ()
        shape = (int(x.shape[1]),)  # type: ignore[arg-type]
        return (State("weight", shape, x.dtype), State("bias", shape, x.dtype))

    def module(self, x: TensorType) -> Call:
        return Call(
            "nn.GroupNorm",
            self.num_groups,
            x.shape[1],
            **given(self, "eps", "affine"),
            **(dtype_of(x) if self.affine else {}),
        )


@op("local_response_norm", "torch.nn.LocalResponseNorm")
class LocalResponseNorm(Op):
    """Normalisation across `size` neighbouring channels of [N, C, *] (Krizhevsky et al., 2012)."""

    rule = SAME
    size = arg(PositiveInt, doc="number of neighbouring channels")
    alpha = arg(Number, 1e-4, "factor of the sum")
    beta = arg(Number, 0.75, "exponent")
    k = arg(Number, 1.0, "added to the sum")
    examples = (
        Example(5, "float32[B, 8, H, W]", "float32[B, 8, H, W]"),
        Example({"size": 2, "alpha": 0.1, "beta": 0.5, "k": 2.0}, "float64[B, 8, T]", "float64[B, 8, T]"),
    )

    def infer(self, require: Require, x: TensorType) -> TensorType:
        require.floating(x, "the input of `local_response_norm`", inputs=(0,))
        require.rank(x, least=3, what="the input of `local_response_norm`", inputs=(0,))
        return x

    def module(self, x: TensorType) -> Call | None:
        if x.rank > 4:  # the module does not do what `forward` has to
            return None
        return Call("nn.LocalResponseNorm", self.size, **given(self, "alpha", "beta", "k"))

    def forward(self, x: TensorType) -> Any:
        read = Method(In(0), "contiguous") if x.rank > 4 else In(0)  # the last dimensions are viewed as one
        return Call("F.local_response_norm", read, self.size, **given(self, "alpha", "beta", "k"))
