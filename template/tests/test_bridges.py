"""Ranges of imports meet where the market has no bar between them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from quant_team_data import actions, cache
from quant_team_data.bridges import bridged
from quant_team_data.frames import SCHEMA, VALUES
from quant_team_data.ranges import Range
from quant_team_data.series import Series
from tests.cached import quant_data

pytestmark = pytest.mark.usefixtures("project")

NOW = datetime(2024, 12, 31, tzinfo=UTC)
SERIES = Series.of("import:acme", "AAPL.US", "1d")


def put(*days: int) -> None:
    """Import daily bars of June 2024."""
    times = [datetime(2024, 6, number, tzinfo=UTC) for number in days]
    columns = {name: [1.0] * len(times) for name in VALUES}
    cache.put(SERIES, pl.DataFrame({"time": times, **columns}, schema=SCHEMA), now=NOW)


def test_a_file_a_day_makes_one_range_that_can_be_locked() -> None:
    """Thursday, Friday and Monday in three files: nothing is due between them."""
    for number in (6, 7, 10):
        put(number)
    assert len(cache.load(SERIES).proven) == 1
    done = quant_data("lock", "--source", "import:acme")
    assert "new in data.lock: 1 month of 1 series." in done.output


def test_a_day_that_is_due_keeps_two_ranges_apart() -> None:
    """Nobody has said anything of the Friday between."""
    for number in (6, 10):
        put(number)
    assert len(cache.load(SERIES).proven) == 2


def milliseconds(*days: int) -> Range:
    """Return the range from one day of June 2024 to another."""
    first, last = (datetime(2024, 6, number, tzinfo=UTC) for number in days)
    return int(first.timestamp() * 1000), int(last.timestamp() * 1000) + 1


@pytest.mark.parametrize(
    ("symbol", "interval", "count"),
    [
        ("AAPL.US", "1d", 1),
        ("AAPL.US", "1h", 2),  # the hours of the Friday are due
        ("BTCUSDT", "1d", 2),  # it trades at weekends
        ("EURUSD", "1d", 1),
        ("000001", "1d", 1),  # Shanghai or Shenzhen: one calendar
        ("XX?", "1d", 2),  # nobody knows its calendar
    ],
)
def test_the_calendar_of_the_symbol_counts(symbol: str, interval: str, count: int) -> None:
    """From Friday to Monday."""
    series = Series("import:acme", "stock", symbol, interval)
    ranges = [milliseconds(6, 7), milliseconds(10, 11)]
    assert len(bridged(series, ranges, NOW)) == count


def test_actions_are_left_alone() -> None:
    """They have no calendar."""
    series = actions.series_of("import:acme", "AAPL.US")
    ranges = [milliseconds(6, 7), milliseconds(10, 11)]
    assert bridged(series, ranges, NOW + timedelta(days=1)) == ranges
