"""The dtypes a spec may name: PyTorch's, by PyTorch's names."""

from __future__ import annotations

FLOATING = ("float16", "bfloat16", "float32", "float64")
INTEGRAL = ("uint8", "int8", "int16", "int32", "int64")
COMPLEX = ("complex64", "complex128")
DTYPES = (*FLOATING, *INTEGRAL, *COMPLEX, "bool")

# What else they are called; suggested, not accepted: one way to say a thing.
MEANT = {
    "half": "float16", "fp16": "float16", "f16": "float16", "bf16": "bfloat16",
    "float": "float32", "fp32": "float32", "f32": "float32", "real": "float32",
    "double": "float64", "fp64": "float64", "f64": "float64",
    "byte": "uint8", "u8": "uint8", "char": "int8", "i8": "int8", "short": "int16", "i16": "int16",
    "int": "int32", "integer": "int64", "i32": "int32", "long": "int64", "i64": "int64",
    "boolean": "bool", "cfloat": "complex64", "complex": "complex64", "cdouble": "complex128",
}  # fmt: skip
