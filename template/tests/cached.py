"""Bars in the cache of a test's project, and the commands that read them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import click.testing
import polars as pl

from quant_team_data import cache
from quant_team_data.commands import data
from quant_team_data.frames import SCHEMA, VALUES
from quant_team_data.series import Series

AAPL = Series.of("sandbox", "AAPL.US", "1d")
MSFT = Series.of("sandbox", "MSFT.US", "1d")
BTC = Series.of("sandbox", "BTCUSDT", "1d")
NOW = datetime(2024, 3, 15, 12, tzinfo=UTC)


def quant_data(*arguments: str) -> click.testing.Result:
    """Run `quant data`."""
    return click.testing.CliRunner().invoke(data, arguments)


def day(number: int, month: int = 1) -> datetime:
    """Return 00:00 UTC of a day of 2024."""
    return datetime(2024, month, number, tzinfo=UTC)


def frame(
    first: datetime,
    stop: datetime,
    changed: dict[datetime, float],
) -> pl.DataFrame:
    """Return one bar for each day; its price is the day of the month, or another."""
    times = []
    for number in range((stop - first).days):
        times.append(first + timedelta(days=number))
    prices = [changed.get(time, float(time.day)) for time in times]
    columns = dict.fromkeys(VALUES, prices)
    return pl.DataFrame({"time": times, **columns}, schema=SCHEMA)


def fill(
    series: Series,
    first: datetime,
    stop: datetime,
    changed: dict[datetime, float] | None = None,
) -> None:
    """Put one bar for each day into the cache, whose price may be changed."""

    def fetch(begin: datetime, end: datetime) -> pl.DataFrame:
        return frame(begin, end, changed or {})

    cache.read_through(series, first, stop, fetch, refresh=True, now=NOW)
