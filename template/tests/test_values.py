"""The converter of free values: it keeps a value or refuses it, and never alters one."""

from __future__ import annotations

import decimal
import enum
import math
from datetime import UTC, date, datetime, time, timedelta, timezone
from pathlib import PurePosixPath
from typing import Any

import numpy as np
import pandas as pd  # type: ignore[import-untyped]
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from quant_team_backtest.result import Result
from quant_team_backtest.results import dump
from quant_team_backtest.values import ValueRefusedError, plain

EAST = timezone(timedelta(hours=8))
ITSELF: list[Any] = [1]
ITSELF.append(ITSELF)
DEEP: list[Any] = []
for _ in range(200):
    DEEP = [DEEP]


class Side(str, enum.Enum):  # noqa: UP042
    LONG = "long"


class Level(enum.IntEnum):
    HIGH = 3


class Colour(enum.Enum):
    RED = 1


class Loud(str):
    __slots__ = ()

    def __str__(self) -> str:
        return "LOUD"


KEPT = [
    (None, None),
    (True, True),
    (3, 3),
    (2**80, 2**80),
    (-0.0, -0.0),
    ("2024-01-31", "2024-01-31"),
    ("yes", "yes"),
    ("a\x85b\u2028c\r\nd\x00", "a\x85b\u2028c\r\nd\x00"),
    ([1, (2, 3)], [1, [2, 3]]),
    ({"a": {"b": None}}, {"a": {"b": None}}),
    (Side.LONG, "long"),
    (Level.HIGH, 3),
    (Loud("quiet"), "quiet"),
    (np.int64(3), 3),
    (np.float64(0.5), 0.5),
    (np.float32(0.1), 0.10000000149011612),
    (np.longdouble(0.5), 0.5),
    (np.str_("a"), "a"),
    (np.True_, True),
    (np.array([1, 2]), [1, 2]),
    (np.array([[0.5], [1.5]]), [[0.5], [1.5]]),
    (np.array(5), 5),
    (np.array([], dtype=float), []),
    (np.array([None, "a"], dtype=object), [None, "a"]),
    (PurePosixPath("a/b"), "a/b"),
    (date(2024, 1, 31), "2024-01-31"),
    (datetime(2024, 1, 1, 12, tzinfo=UTC), "2024-01-01T12:00:00Z"),
    (datetime(2024, 1, 1, 12, 0, 0, 7, tzinfo=EAST), "2024-01-01T04:00:00.000007Z"),
    (datetime(2024, 1, 1, 12), "2024-01-01T12:00:00"),
    (pd.Timestamp("2024-01-01T00:00:00.000000001Z"), "2024-01-01T00:00:00.000000001Z"),
    (np.datetime64("2024-01-01T00:00:00.123456789"), "2024-01-01T00:00:00.123456789"),
    (np.array(["2024-01-01"], dtype="datetime64[D]"), ["2024-01-01"]),
    (np.array(["2024-01-01"], dtype="datetime64[ns]"), ["2024-01-01T00:00:00.000000000"]),
]
REFUSED = [
    (math.nan, "x = nan"),
    (np.float64("inf"), "x = np.float64"),
    (pd.NaT, "NaT"),
    (np.datetime64("NaT", "ns"), "NaT"),
    (np.array(["NaT"], dtype="datetime64[ns]"), r"x\[0\]"),
    (np.longdouble("0.1"), "more digits than a float"),
    (np.longdouble("nan"), "nan"),
    (np.timedelta64(1, "s"), "timedelta64"),
    (timedelta(1), "timedelta"),
    (time(1), "time"),
    (datetime(1, 1, 1, tzinfo=EAST), "in UTC it has no date"),
    (ITSELF, r"x\[1\]: it contains itself"),
    (DEEP, "nested too deep"),
    ({1: "a", "1": "b"}, "key of x = 1 .int.: keys are text"),
    ({"a": {None: 1}}, "key of x.a = None"),
    (Colour.RED, "give its value"),
    (b"bytes", "bytes"),
    ({1, 2}, "set"),
    (1j, "complex"),
    (np.complex128(1), "complex128"),
    (decimal.Decimal("0.1"), "Decimal"),
    (len, "builtin_function"),
    (pd.Series([1.0]), "Series"),
    (np.ma.array([1, 2], mask=[False, True]), "MaskedArray"),
    (np.array([object()], dtype=object), r"x\[0\]"),
    ("\ud83d", "half a character"),
    ({"\ud83d": 1}, "half a character"),
]


def read_back(value: Any) -> Any:
    """Return a value as a result file gives it back."""
    result = Result(
        strategy="x",
        parameters={"x": plain(value, "x")},
        backtest_config={},
        results={},
    )
    return yaml.safe_load(dump(result))["parameters"]["x"]


@pytest.mark.parametrize(("value", "expected"), KEPT, ids=repr)
def test_what_is_kept_comes_back(value: Any, expected: Any) -> None:
    """A value comes back from the file equal to what was given. [value]"""
    found = read_back(value)
    assert found == expected
    assert type(found) is type(expected)
    assert repr(found) == repr(expected)


@pytest.mark.parametrize(("value", "sentence"), REFUSED, ids=lambda part: repr(part)[:40])
def test_what_would_be_altered_is_refused(value: Any, sentence: str) -> None:
    """A value without an equal in the file is refused in one sentence with its place. [value]"""
    with pytest.raises(ValueRefusedError, match=sentence) as caught:
        plain(value, "x")
    assert "\n" not in str(caught.value)


SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"]))
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner) | st.dictionaries(st.text("abyn=<~1-:. #\n"), inner),
    max_leaves=12,
)


@settings(max_examples=300, deadline=None, derandomize=True, database=None)
@given(VALUES)
def test_any_plain_value_comes_back(value: Any) -> None:
    """Whatever is made of null, switches, numbers, text, lists and mappings survives YAML."""
    assert repr(read_back(value)) == repr(value)


ANYTHING = (
    SCALARS
    | st.floats()
    | st.text()
    | st.datetimes(timezones=st.none() | st.timezones())
    | st.dates()
    | st.timedeltas()
    | st.decimals()
    | st.binary()
    | st.complex_numbers()
)
KEYS = st.text() | st.integers() | st.none()


@settings(max_examples=300, deadline=None, derandomize=True, database=None)
@given(
    st.recursive(
        ANYTHING,
        lambda inner: st.lists(inner) | st.tuples(inner, inner) | st.dictionaries(KEYS, inner),
        max_leaves=6,
    )
)
def test_anything_is_kept_or_refused(value: Any) -> None:
    """There is no third way: a value is refused, or what was kept comes back as it was kept."""
    try:
        kept = plain(value, "x")
    except ValueRefusedError:
        return
    assert repr(read_back(value)) == repr(kept)
