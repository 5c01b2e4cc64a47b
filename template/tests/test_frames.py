"""Bars become a frame, and each rule of a valid bar finds what breaks it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quant_team_data import frames
from quant_team_data.markets import milliseconds
from quant_team_data.messages import Bar

TIME = 1_704_067_200_000  # 2024-01-01
GOOD: dict[str, Any] = {
    "time": TIME,
    "open": 10.5,
    "high": 11.0,
    "low": 10.0,
    "close": 10.75,
    "volume": 0.0,
}


def frame(*changes: dict[str, Any]) -> pl.DataFrame:
    """Return a frame of one bar a minute, each changed as told."""
    rows = []
    for number, change in enumerate(changes):
        row = GOOD | {"time": TIME + 60_000 * number} | change
        rows.append([row[name] for name in frames.COLUMNS])
    plain = {"time": pl.Int64} | dict.fromkeys(frames.VALUES, pl.Float64)
    return pl.DataFrame(rows, plain, orient="row").cast(pl.Schema(frames.SCHEMA))


def test_bars_become_a_frame_in_time_order_each_once() -> None:
    """The last that came for a time counts, and the way back gives the bars."""
    first, second = Bar(**GOOD), Bar(**(GOOD | {"time": TIME + 60_000}))
    again = Bar(**(GOOD | {"close": 10.25}))
    found = frames.frame_of([second, first, again])
    assert found.schema == frames.SCHEMA
    assert frames.bars_of(found) == [again, second]
    assert frames.frame_of([]).schema == frames.SCHEMA


@pytest.mark.parametrize(
    ("change", "field", "reason"),
    [
        ({"open": float("nan")}, "open", "is not a finite number"),
        ({"close": None}, "close", "is not a finite number"),
        ({"high": float("inf")}, "high", "is not a finite number"),
        ({"volume": None}, "volume", "is not a finite number"),
        ({"low": 0.0}, "low", "is not above 0"),
        ({"low": -1.0}, "low", "is not above 0"),
        ({"high": 9.0}, "high", "is below low"),
        ({"open": 9.9}, "open", "is below low"),
        ({"open": 11.1}, "open", "is above high"),
        ({"close": 9.9}, "close", "is below low"),
        ({"close": 11.1}, "close", "is above high"),
        ({"volume": -1.0}, "volume", "is below 0"),
        ({"time": TIME}, "time", "is not after the bar before it"),
        ({"time": None}, "time", "is missing"),
    ],
)
def test_a_fault_is_named(change: dict[str, Any], field: str, reason: str) -> None:
    """The first bar that is not valid is named by its row, time and field."""
    found = frames.fault(frame({}, change, {"low": 99.0}))
    assert found is not None
    assert (found.row, found.field, found.reason) == (1, field, reason)
    when = (
        "an unreadable time" if change.get("time", 0) is None else f"{found.time:%Y-%m-%dT%H:%MZ}"
    )
    assert found.of("A.US") == f"the bar of A.US at {when}: {field} {reason}"


def test_valid_bars_have_no_fault() -> None:
    """Equal prices and no volume are valid, and so is no bar at all."""
    flat = dict.fromkeys(("open", "high", "low", "close"), 5.0)
    assert frames.fault(frame({}, flat, {})) is None
    assert frames.fault(frame()) is None


@given(st.lists(st.tuples(*[st.floats(-3, 3)] * 5), max_size=4))
def test_the_rules_are_the_definition(rows: list[tuple[float, ...]]) -> None:
    """`fault` finds something exactly where a bar breaks the definition."""
    valid = True
    for opened, high, low, close, volume in rows:
        inside = low <= opened <= high and low <= close <= high
        valid = valid and inside and low > 0 and volume >= 0
    changes = [dict(zip(frames.VALUES, row, strict=True)) for row in rows]
    assert (frames.fault(frame(*changes)) is None) is valid


@pytest.mark.parametrize(
    ("interval", "time", "reason"),
    [
        ("1m", "2024-03-07T14:30:30Z", "is not the open of a 1m bar"),
        ("1h", "2024-03-07T14:30:00Z", None),  # New York opens at half past
        ("1h", "2024-03-07T14:31:00Z", "is not the open of a 1h bar"),
        ("4h", "2024-03-07T14:30:00Z", None),
        ("1d", "2024-03-07T00:00:00Z", None),
        ("1d", "2024-03-07T05:00:00Z", "is not the open of a 1d bar"),
        ("1w", "2024-03-04T00:00:00Z", None),
        ("1w", "2024-03-05T00:00:00Z", "is not a Monday"),
        ("1M", "2024-03-01T00:00:00Z", None),
        ("1M", "2024-03-31T00:00:00Z", "is not the first of a month"),
        (None, "2024-03-07T14:31:07Z", None),
    ],
)
def test_a_bar_opens_on_the_grid_of_its_interval(
    interval: str | None,
    time: str,
    reason: str | None,
) -> None:
    """A day at 00:00 UTC, a week on a Monday, a month on its first; shorter ones on the clock."""
    moment = milliseconds(datetime.fromisoformat(time))
    bars = frames.frame_of([Bar(moment, 1.0, 1.0, 1.0, 1.0, 0.0)])
    found = frames.fault(bars, interval)
    assert (found and found.reason) == reason
