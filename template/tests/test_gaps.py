"""`quant data verify --gaps`: what is missing, wherever the hole is, and how much is there."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from quant_team_data import cache
from quant_team_data.frames import SCHEMA, VALUES
from quant_team_data.series import Series
from tests.cached import BTC, fill, moment, quant_data

pytestmark = pytest.mark.usefixtures("project")


def test_a_hole_between_two_fetches_is_listed() -> None:
    """`--gaps` names symbol, kind and range, whether the range was fetched or not. [coverage]"""
    fill(BTC, "2024-01-01", "2024-01-05")
    done = quant_data("verify", "--gaps")
    assert "0 gaps in 1 series" in done.output
    assert "BTCUSDT  1d        sandbox  100.0%    4     4" in done.output
    fill(BTC, "2024-01-10", "2024-01-12")
    done = quant_data("verify", "--gaps")
    row = "BTCUSDT  1d        sandbox  5 whole days  2024-01-05 00:00  2024-01-09 00:00"
    assert row in done.output
    assert "SYNTHETIC" in done.output
    assert "BTCUSDT  1d        sandbox  54.5%     6     11        BELOW 90%: runs" in done.output
    assert "1 gap in 1 series." in done.output
    assert done.exit_code == 0


def june(*days: int) -> list[datetime]:
    """Return days of June 2024, at 00:00 UTC."""
    return [datetime(2024, 6, number, tzinfo=UTC) for number in days]


def put(symbol: str, interval: str, *times: datetime) -> None:
    """Put bars into the cache as an import does."""
    series = Series.of("import:acme", symbol, interval)
    columns = {name: [1.0] * len(times) for name in VALUES}
    bars = pl.DataFrame({"time": list(times), **columns}, schema=SCHEMA)
    cache.put(series, bars, now=datetime(2025, 1, 1, tzinfo=UTC))


def squeezed(text: str) -> list[str]:
    """Return lines with one blank between words."""
    return [" ".join(line.split()) for line in text.splitlines()]


def test_a_hole_inside_one_import_is_listed() -> None:
    """What an import proves is not an excuse; a single day is named."""
    put("AAPL.US", "1d", *june(3, 4, 6, 7, 10))
    shown = quant_data("verify", "--gaps").output
    row = "AAPL.US 1d import:acme 1 whole day 2024-06-05 00:00 2024-06-05 00:00 1"
    assert row in squeezed(shown)
    assert "1 gap in 1 series." in shown


def test_hours_and_days_are_told_apart() -> None:
    """Three hours of a day that has others, and a whole day."""
    hours = []
    for number in range(72):
        hours.append(moment("2024-06-03") + timedelta(hours=number))
    put("BTCUSDT", "1h", *hours[:5], *hours[8:24], *hours[48:])
    shown = quant_data("verify", "--gaps").output
    found = squeezed(shown)
    name = "BTCUSDT 1h import:acme"
    assert f"{name} within a day 2024-06-03 05:00 2024-06-03 07:00 3" in found
    assert f"{name} 1 whole day 2024-06-04 00:00 2024-06-04 23:00 24" in found
    assert "2 gaps in 1 series." in shown


def test_weeks_and_months_are_counted_as_such() -> None:
    """A missing week is a week."""
    put("AAPL.US", "1w", *june(3, 24))
    shown = quant_data("verify", "--gaps").output
    assert "2 whole weeks  2024-06-10 00:00  2024-06-17 00:00" in shown


def test_weekends_of_currencies_are_no_gaps() -> None:
    """A currency trades from Sunday to Friday, 17:00 in New York. [coverage]"""
    put("EURUSD", "1d", *june(3, 4, 5, 6, 7, 10, 11))
    assert "0 gaps in 1 series." in quant_data("verify", "--gaps").output
