"""What is missing among bars is found by the calendar, wherever it is."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from quant_team_data import coverage, frames, messages
from quant_team_data.calendars import bar_opens, sessions
from quant_team_data.markets import market_of, milliseconds

FIRST = datetime(2024, 1, 2, tzinfo=UTC)
STOP = datetime(2024, 1, 31, tzinfo=UTC)
HOUR = 3_600_000
Found = tuple[str, str, int, int]


def opens(symbol: str, interval: str) -> list[int]:
    """Return the opens of all bars of January 2024, in ms UTC."""
    found: set[int] = set()
    for session in sessions(market_of(symbol), FIRST.date(), STOP.date()):
        found.update(bar_opens(session, interval))
    low, high = milliseconds(FIRST), milliseconds(STOP)
    return sorted(at for at in found if low <= at < high)


def january(day: float) -> int:
    """Return a time in ms UTC; 11.5 is noon of the eleventh."""
    first = datetime(2024, 1, 1, tzinfo=UTC)
    return milliseconds(first + timedelta(days=day - 1))


def gaps(
    symbol: str,
    interval: str,
    there: list[int],
) -> list[coverage.Gap]:
    low, high = milliseconds(FIRST), milliseconds(STOP)
    return coverage.gaps(market_of(symbol), interval, np.array(there), low, high)


ALL_HOURS = ("01-11 14:30", "01-11 20:30", 7, 1)
A_WEEKEND_AND_A_HOLIDAY_BETWEEN = ("01-11 14:30", "01-16 20:30", 21, 3)
TWO_DAYS = [
    ("01-11 00:00", "01-11 00:00", 1, 1),
    ("01-17 00:00", "01-18 00:00", 2, 2),
]
AN_AFTERNOON_AND_A_DAY = [
    ("01-11 19:30", "01-11 20:30", 2, 0),
    ("01-12 14:30", "01-12 20:30", 7, 1),
]
TWICE_IN_A_DAY = [
    ("01-11 15:30", "01-11 15:30", 1, 0),
    ("01-11 18:30", "01-11 19:30", 2, 0),
]
UP_TO_LUNCH = ("01-11 01:30", "01-11 03:30", 3, 0)
A_SATURDAY = ("01-13 00:00", "01-13 20:00", 6, 1)


@pytest.mark.parametrize(
    ("symbol", "interval", "lost", "expected"),
    [
        ("AAPL.US", "1h", [], []),
        ("AAPL.US", "1h", [(11, 12)], [ALL_HOURS]),
        ("AAPL.US", "1h", [(11, 17)], [A_WEEKEND_AND_A_HOLIDAY_BETWEEN]),
        ("AAPL.US", "1h", [(11.61, 11.7)], [("01-11 15:30", "01-11 16:30", 2, 0)]),
        ("AAPL.US", "1h", [(11.8, 13)], AN_AFTERNOON_AND_A_DAY),
        ("AAPL.US", "1h", [(11.62, 11.66), (11.75, 11.83)], TWICE_IN_A_DAY),
        ("AAPL.US", "1d", [(11, 12), (17, 19)], TWO_DAYS),
        ("AAPL.US", "1w", [(8, 9)], [("01-08 00:00", "01-08 00:00", 1, 1)]),
        ("700.HK", "1h", [(11, 11.2)], [UP_TO_LUNCH]),
        ("BTCUSDT", "4h", [(13, 14)], [A_SATURDAY]),
    ],
)
def test_gaps_are_those_of_the_calendar(
    symbol: str,
    interval: str,
    lost: list[tuple[float, float]],
    expected: list[Found],
) -> None:
    """Whole days in a row are one gap, weekends and holidays are not; parts of a day are apart."""
    there = opens(symbol, interval)
    for low, high in lost:
        there = [at for at in there if not january(low) <= at < january(high)]
    found = gaps(symbol, interval, there)
    texts = [(f"{gap.first:%m-%d %H:%M}", f"{gap.last:%m-%d %H:%M}") for gap in found]
    counts = [(gap.bars, gap.days) for gap in found]
    assert texts == [row[:2] for row in expected]
    assert counts == [row[2:] for row in expected]


def frame(opens: list[int]) -> pl.DataFrame:
    """Return bars of one price at these times."""
    return frames.frame_of([messages.Bar(at, 1.0, 1.0, 1.0, 1.0, 1.0) for at in opens])


@pytest.mark.parametrize("symbol", ["AAPL.US", "700.HK", "BTCUSDT", "EURUSD"])
@pytest.mark.parametrize("interval", ["1h", "1d", "1w"])
def test_bars_of_every_session_cover_all(symbol: str, interval: str) -> None:
    """Half days, lunch breaks and weekends are not gaps. [coverage]"""
    found = coverage.measure(frame(opens(symbol, interval)), market_of(symbol), interval)
    assert found.share == 1
    assert found.gaps == []


def test_a_hole_counts_wherever_it_is() -> None:
    """Between the first bar and the last, whatever was fetched. [coverage]"""
    there = opens("AAPL.US", "1d")
    found = coverage.measure(frame([*there[:3], *there[-3:]]), market_of("AAPL.US"), "1d")
    assert (found.expected, found.present) == (20, 6)
    assert str(found) == "30.0%"
    (gap,) = found.gaps
    assert (gap.days, gap.bars) == (14, 14)


def test_nothing_covers_nothing() -> None:
    """No bar, no calendar, no gap."""
    assert coverage.measure(frame([]), market_of("AAPL.US"), "1d") == (0, 0, [])
    assert coverage.measure(frame([]), market_of("AAPL.US"), "1d").share == 1
