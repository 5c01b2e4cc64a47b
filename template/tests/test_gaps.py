"""`quant data verify --gaps`: what is missing, wherever the hole is, and how much is there."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from quant_team_data import cache
from quant_team_data.frames import SCHEMA, VALUES
from quant_team_data.series import Series
from tests.cached import BTC, day, fill, quant_data

pytestmark = pytest.mark.usefixtures("project")


def test_a_hole_between_two_fetches_is_listed() -> None:
    """`--gaps` names symbol, kind and range, whether the range was fetched or not. [coverage]"""
    fill(BTC, day(1), day(5))
    done = quant_data("verify", "--gaps")
    assert "0 gaps in 1 series" in done.output
    assert "BTCUSDT  1d        sandbox  100.0%    4     4" in done.output
    fill(BTC, day(10), day(12))
    done = quant_data("verify", "--gaps")
    row = "BTCUSDT  1d        sandbox  5 whole days  2024-01-05 00:00  2024-01-09 00:00"
    assert row in done.output
    assert "SYNTHETIC" in done.output
    assert "BTCUSDT  1d        sandbox  54.5%     6     11        BELOW 90%: runs" in done.output
    assert "1 gap in 1 series." in done.output
    assert done.exit_code == 0


def put(series: Series, times: list[datetime]) -> None:
    """Put bars into the cache as an import does."""
    columns = {name: [1.0] * len(times) for name in VALUES}
    bars = pl.DataFrame({"time": times, **columns}, schema=SCHEMA)
    cache.put(series, bars, now=datetime(2025, 1, 1, tzinfo=UTC))


def test_a_hole_inside_one_import_is_listed() -> None:
    """What an import proves is no excuse; hours of a day and single days are told apart."""
    hours = []
    for number in range(72):
        hours.append(day(3, 6) + timedelta(hours=number))
    hourly = Series.of("import:acme", "BTCUSDT", "1h")
    put(hourly, [*hours[:5], *hours[8:24], *hours[48:]])
    daily = Series.of("import:acme", "AAPL.US", "1d")
    put(daily, [day(3, 6), day(4, 6), day(6, 6), day(7, 6), day(10, 6)])
    done = quant_data("verify", "--gaps")
    rows = [line.split() for line in done.output.splitlines()]
    moments = ["2024-06-03", "05:00", "2024-06-03", "07:00", "3"]
    assert ["BTCUSDT", "1h", "import:acme", "within", "a", "day", *moments] in rows
    moments = ["2024-06-04", "00:00", "2024-06-04", "23:00", "24"]
    assert ["BTCUSDT", "1h", "import:acme", "1", "whole", "day", *moments] in rows
    moments = ["2024-06-05", "00:00", "2024-06-05", "00:00", "1"]
    assert ["AAPL.US", "1d", "import:acme", "1", "whole", "day", *moments] in rows
    assert "3 gaps in 2 series." in done.output


def test_weeks_and_months_are_counted_as_such() -> None:
    """A missing week is a week."""
    weekly = Series.of("import:acme", "AAPL.US", "1w")
    put(weekly, [day(3, 6), day(24, 6)])
    assert (
        "2 whole weeks  2024-06-10 00:00  2024-06-17 00:00" in quant_data("verify", "--gaps").output
    )


def test_weekends_of_currencies_are_no_gaps() -> None:
    """A currency trades from Sunday to Friday, 17:00 in New York. [coverage]"""
    times = []
    for number in (3, 4, 5, 6, 7, 10, 11):
        times.append(day(number, 6))
    put(Series.of("import:acme", "EURUSD", "1d"), times)
    assert "0 gaps in 1 series." in quant_data("verify", "--gaps").output
