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


def moment(text: str) -> datetime:
    """Return a date or time in ISO format as UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def frame(
    first: str,
    stop: str,
    changed: dict[str, float] | None = None,
) -> pl.DataFrame:
    """Return one bar for each day; its price is the day of the month, or another.

    Args:
        first: date of the first bar.
        stop: the date after the last bar.
        changed: other prices, by date.
    """
    prices = {}
    day = moment(first)
    while day < moment(stop):
        prices[day] = float(day.day)
        day += timedelta(days=1)
    for text, price in (changed or {}).items():
        prices[moment(text)] = price
    column = pl.Series(list(prices.values()), dtype=pl.Float64)
    columns = dict.fromkeys(VALUES, column)
    return pl.DataFrame({"time": list(prices), **columns}, schema=SCHEMA)


def fill(
    series: Series,
    first: str,
    stop: str,
    changed: dict[str, float] | None = None,
) -> None:
    """Put the bars of `frame` into the cache, as a fetch does."""

    def fetch(begin: datetime, end: datetime) -> pl.DataFrame:
        return frame(first, stop, changed)

    begin = moment(first)
    end = moment(stop)
    cache.read_through(series, begin, end, fetch, refresh=True, now=NOW)
