"""The one door for numbers from a file, a command line or an answer: typed, finite, never guessed.

    convert(100000, float)          100000.0
    convert("20", int, text=True)   20
    convert(True, float)            raises: a switch is not a number

An int passes for a float and a whole float for an int; text passes only where the caller says that
it comes from a command line. numpy's numbers count as Python's.
"""

from __future__ import annotations

import math
from typing import TypeVar

import msgspec

from quant_team_utils.errors import QuantError

T = TypeVar("T", bound=int | float | str | bool)


class NotTypedError(QuantError):
    """A value is not of the type that is wanted; the text names both, the caller adds the place."""


def convert(
    value: object,
    kind: type[T],
    *,
    text: bool = False,
) -> T:
    """Return a value as exactly the type `kind`.

    Args:
        value: what was read.
        kind: float, int, str or bool.
        text: the value comes from a command line, so "20" may stand for a number and "true" or
            "false" (in any case) for a switch.

    Raises:
        NotTypedError: it is of another type, or not a finite number.
    """
    plain = _plain(value)
    if text and isinstance(plain, str):
        plain = _read(plain, kind)
    if kind is int and isinstance(plain, float) and plain.is_integer():
        plain = int(plain)
    try:
        converted = msgspec.convert(plain, kind)
    except msgspec.ValidationError:
        raise _wrong(value, kind) from None
    if isinstance(converted, float) and not math.isfinite(converted):
        raise _wrong(value, kind)
    return converted


def _wrong(value: object, kind: type[object]) -> NotTypedError:
    return NotTypedError(f"expected {_NAMES[kind]}, got {value!r}")


_NAMES: dict[type[object], str] = {
    float: "a number",
    int: "a whole number",
    str: "text",
    bool: "true or false",
}


def _plain(value: object) -> object:
    """Return numpy's scalars as Python's; everything else as it is."""
    is_numpy = type(value).__module__ == "numpy"
    if is_numpy and hasattr(value, "item"):
        return value.item()
    return value


def _read(value: str, kind: type[T]) -> object:
    """Return the number or the switch that a text stands for, or the text if it stands for none."""
    if kind is str:
        return value
    if kind is bool:
        return {"true": True, "false": False}.get(value.lower(), value)
    try:
        return msgspec.convert(value.strip(), kind, strict=False)
    except msgspec.ValidationError:
        return value
