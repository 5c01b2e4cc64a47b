"""A frame of bars: its columns, bars in and out of it, and which bars are valid.

`fault` is the one definition of a valid bar; the client, the cache, imports and backtests all ask
it.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import polars as pl

from quant_team_data.markets import INTERVALS, SECONDS_OF_A_DAY
from quant_team_data.messages import Bar

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Times = NDArray[np.int64]
    Flags = NDArray[np.bool_]

HALF_AN_HOUR = 1800  # seconds
# The columns of a frame of bars: `time` is the open in ms UTC, prices in the market's currency.
SCHEMA = pl.Schema(
    {
        "time": pl.Datetime("ms", "UTC"),
        "open": pl.Float64(),
        "high": pl.Float64(),
        "low": pl.Float64(),
        "close": pl.Float64(),
        "volume": pl.Float64(),
    }
)
COLUMNS = tuple(SCHEMA)
VALUES = COLUMNS[1:]


def frame_of(bars: Iterable[Bar]) -> pl.DataFrame:
    """Return bars as a frame of `SCHEMA`, in time order, each time once (the last that came)."""
    rows = list(bars)
    # Attributes by name: half the time of attrgetter.
    times = [bar.time for bar in rows]
    columns = {
        "open": [bar.open for bar in rows],
        "high": [bar.high for bar in rows],
        "low": [bar.low for bar in rows],
        "close": [bar.close for bar in rows],
        "volume": [bar.volume for bar in rows],
    }
    moments = pl.Series("time", times, pl.Int64)
    frame = pl.DataFrame(
        {"time": moments.cast(SCHEMA["time"]), **columns},
        schema=SCHEMA,
    )
    if is_rising(moments.to_numpy()).all():
        return frame
    once = frame.unique("time", keep="last", maintain_order=True)
    return once.sort("time")


def bars_of(frame: pl.DataFrame) -> list[Bar]:
    """Return the rows of a frame of `SCHEMA` as bars."""
    times = times_of(frame).tolist()
    values = [frame[name].to_list() for name in VALUES]
    rows = zip(times, *values, strict=True)
    return [Bar(*row) for row in rows]


def times_of(frame: pl.DataFrame) -> Times:
    """Return when the bars of a frame of `SCHEMA` open, in milliseconds UTC."""
    moments = frame["time"].to_numpy()
    return moments.view(np.int64)


def is_rising(times: Times) -> Flags:
    """Return which times are after the one before them; the first always is."""
    after = np.ones(len(times), dtype=bool)
    after[1:] = times[1:] > times[:-1]
    return after


def among(
    times: Times,
    others: Times,
) -> Flags:
    """Return which times are among others; both rise strictly, which makes it quick."""
    if np.array_equal(times, others):
        return np.ones(len(times), dtype=bool)
    if not len(others):
        return np.zeros(len(times), dtype=bool)
    places = np.searchsorted(others, times)
    places = np.minimum(places, len(others) - 1)
    found: Flags = others[places] == times
    return found


class Fault(NamedTuple):
    """The first thing that is wrong with a frame of bars.

    Attributes:
        row: its row, from 0.
        time: when that bar opens, UTC, or None where the time itself is missing.
        field: its column.
        reason: the end of a sentence that begins with the field, such as "is above high".
    """

    row: int
    time: datetime | None
    field: str
    reason: str

    def of(self, symbol: str) -> str:
        """Return what is wrong as a phrase: symbol, time, field, reason."""
        when = f"{self.time:%Y-%m-%dT%H:%MZ}" if self.time else "an unreadable time"
        return f"the bar of {symbol} at {when}: {self.field} {self.reason}"


def fault(
    bars: pl.DataFrame,
    interval: str | None = None,
) -> Fault | None:
    """Return the first fault of a frame with the columns of `SCHEMA`, or None for valid bars.

    Valid: finite numbers, prices above 0, low <= open, close <= high, volume 0 or more, times
    strictly rising, on the grid of the interval.

    Args:
        bars: what is judged.
        interval: one of `markets.INTERVALS`; None leaves the grid out.
    """
    times = bars["time"]
    rules = [_values(bars)]
    if times.null_count():
        rules.append(_missing(times))
    else:
        rules.append(_order(times))
        rules.append(_grid(times, interval))
    first: Fault | None = None
    for rule in itertools.chain(*rules):
        if not rule.wrong.any():
            continue
        row = int(rule.wrong.argmax())
        if first is None or row < first.row:
            first = Fault(row, times[row], rule.field, rule.reason)
    return first


# Details: the rules


class _Rule(NamedTuple):
    """What a valid bar is, as what breaks it: a column, a reason, and which rows do."""

    field: str
    reason: str
    wrong: Flags


def _missing(times: pl.Series) -> Iterator[_Rule]:
    is_missing = times.is_null()
    yield _Rule("time", "is missing", is_missing.to_numpy())


def _order(times: pl.Series) -> Iterator[_Rule]:
    moments = times.to_numpy()
    rises = is_rising(moments.view(np.int64))
    yield _Rule("time", "is not after the bar before it", ~rises)


def _values(bars: pl.DataFrame) -> Iterator[_Rule]:
    numbers = {}
    for name in VALUES:
        column = bars[name].to_numpy()  # null becomes NaN
        numbers[name] = column
        yield _Rule(name, "is not a finite number", ~np.isfinite(column))
    low = numbers["low"]
    high = numbers["high"]
    yield _Rule("low", "is not above 0", low <= 0)
    yield _Rule("high", "is below low", high < low)
    for name in ("open", "close"):
        price = numbers[name]
        yield _Rule(name, "is below low", price < low)
        yield _Rule(name, "is above high", price > high)
    yield _Rule("volume", "is below 0", numbers["volume"] < 0)


def _grid(
    times: pl.Series,
    interval: str | None,
) -> Iterator[_Rule]:
    """Yield the rule of the grid, as `_rules` does.

    A day is 00:00 UTC of its trading date, a week a Monday, a month a first. Shorter bars count
    from the open of a session or the end of a lunch break, all of which are at half hours.
    """
    if interval is None:
        return
    seconds = INTERVALS[interval]
    step = min(seconds or SECONDS_OF_A_DAY, SECONDS_OF_A_DAY)
    if step < SECONDS_OF_A_DAY:
        step = min(step, HALF_AN_HOUR)
    moments = times.to_numpy().view(np.int64)
    since = moments % (1000 * step)
    yield _Rule("time", f"is not the open of a {interval} bar", since != 0)
    if interval == "1w":
        weekday = times.dt.weekday().to_numpy()
        yield _Rule("time", "is not a Monday", weekday != 1)
    if interval == "1M":
        day = times.dt.day().to_numpy()
        yield _Rule("time", "is not the first of a month", day != 1)
