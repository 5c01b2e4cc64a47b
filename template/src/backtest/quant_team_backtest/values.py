"""The one converter of free values: a result keeps a value exactly, or refuses it in a sentence.

A result file holds null, true and false, whole numbers, finite floats, text, lists, and mappings
with text as keys. Values that are equal to one of these are kept as it: numpy's numbers and arrays,
tuples, paths, enumerations that are text or numbers. Dates and times are kept as ISO 8601 text, in
UTC where they name a zone, to the last digit. Nothing is rounded, renamed or dropped.
"""

from __future__ import annotations

import enum
import math
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from pathlib import PurePath
from typing import Any

from quant_team_utils.errors import QuantError

DEEPEST = 32  # lists and mappings within each other
Value = Any  # None, bool, int, float, str, list of values, or dict of text and values


class ValueRefusedError(QuantError):
    """A result cannot hold a value without altering it; the text names the place and the reason."""


def plain(value: object, place: str) -> Value:
    """Return a value as a result file holds it.

    Args:
        value: anything.
        place: what to call it in an error, such as "parameters".

    Raises:
        ValueRefusedError: it would not come back as it is.
    """
    return _plain(value, place, ())


# Details


def _plain(value: object, place: str, above: tuple[int, ...]) -> Value:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, enum.Enum):
        return _enumeration(value, place, above)
    if isinstance(value, str | int | float):
        return _scalar(value, place)
    if isinstance(value, date):
        return _time(value, place)
    if isinstance(value, PurePath):
        return _text(value.as_posix(), place)
    if isinstance(value, Mapping | list | tuple):
        return _collection(value, place, above)
    if type(value).__module__ == "numpy":
        return _numpy(value, place, above)
    raise _refused(place, value, "give numbers, text, lists or mappings")


def _scalar(value: str | int | float, place: str) -> Value:
    """Return text or a number as exactly Python's own type, without the class that it may have."""
    if isinstance(value, str):
        return _text(str.__str__(value), place)
    if isinstance(value, int):
        return int.__int__(value)
    number = float.__float__(value)
    if not math.isfinite(number):
        raise _refused(place, value, "leave it out, or give null and say why")
    return number


def _text(value: str, place: str) -> str:
    try:
        value.encode()
    except UnicodeEncodeError:
        raise _refused(place, value, "it holds half a character; correct the text") from None
    return value


def _enumeration(value: enum.Enum, place: str, above: tuple[int, ...]) -> Value:
    if value != value.value:
        raise _refused(place, value, "give its value")
    return _plain(value.value, place, above)


def _time(value: date, place: str) -> str:
    """Return a date or a time as ISO 8601; a time in a zone as the same moment in UTC."""
    if value.isoformat() == "NaT":  # pandas' "not a time" calls itself a datetime
        raise _refused(place, value, "leave it out, or give null")
    if not isinstance(value, datetime) or value.tzinfo is None:
        return value.isoformat()
    try:
        moment = value.astimezone(UTC)
    except OverflowError:
        raise _refused(place, value, "in UTC it has no date") from None
    return moment.isoformat().replace("+00:00", "Z")


def _collection(
    value: Mapping[Any, Any] | Sequence[Any],
    place: str,
    above: tuple[int, ...],
) -> Value:
    if id(value) in above:
        raise ValueRefusedError(f"A result cannot hold {place}: it contains itself.")
    if len(above) == DEEPEST:
        raise ValueRefusedError(f"A result cannot hold {place}: it is nested too deep.")
    inside = (*above, id(value))
    if not isinstance(value, Mapping):
        parts = []
        for i, part in enumerate(value):
            where = f"{place}[{i}]"
            parts.append(_plain(part, where, inside))
        return parts
    mapping = {}
    for key, part in value.items():
        if not isinstance(key, str):
            raise _refused(f"the key of {place}", key, "keys are text")
        name = _plain(key, f"a key of {place}", inside)
        where = f"{place}.{name}"
        mapping[name] = _plain(part, where, inside)
    return mapping


def _numpy(value: Any, place: str, above: tuple[int, ...]) -> Value:
    """Return an array as lists and a number as Python's, if that is equal to it."""
    import numpy as np

    if isinstance(value, np.ndarray):
        parts = list(value) if value.ndim else [value[()]]
        kept = _collection(parts, place, above)
        return kept if value.ndim else kept[0]
    if isinstance(value, np.timedelta64):
        raise _refused(place, value, "give a number, with the unit in its name")
    if isinstance(value, np.datetime64):
        if np.isnat(value):
            raise _refused(place, value, "leave it out, or give null")
        return str(value)
    if isinstance(value, np.bool_ | np.integer):
        return value.item()
    if isinstance(value, np.floating):
        return _numpy_float(value, place)
    raise _refused(place, value, "give numbers, text, lists or mappings")


def _numpy_float(value: Any, place: str) -> Value:
    number = float(value)
    is_same = number == value
    is_nan = number != number
    if is_same or is_nan:
        return _scalar(number, place)
    raise _refused(place, value, "it has more digits than a float; give a float")


def _refused(place: str, value: object, remedy: str) -> ValueRefusedError:
    shown = " ".join(repr(value).split())
    if len(shown) > 80:
        shown = f"{shown[:77]}..."
    kind = type(value).__name__
    return ValueRefusedError(f"A result cannot hold {place} = {shown} ({kind}): {remedy}.")
