"""A frame of bars: its columns, bars in and out of it, and which bars are valid.

`fault` is the one definition of a valid bar; the client, the cache, imports and backtests all ask
it.
"""

from __future__ import annotations

import itertools
import operator
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import polars as pl

from quant_team_data.markets import INTERVALS, SECONDS_OF_A_DAY
from quant_team_data.messages import Bar

if TYPE_CHECKING:
    from numpy.typing import NDArray

HALF_AN_HOUR = 1800  # seconds
# The columns of a frame of bars: `time` is the open in ms UTC, prices in the market's currency.
VALUES = ("open", "high", "low", "close", "volume")
COLUMNS = ("time", *VALUES)
SCHEMA = pl.Schema({"time": pl.Datetime("ms", "UTC"), **dict.fromkeys(VALUES, pl.Float64())})


def frame_of(bars: Iterable[Bar]) -> pl.DataFrame:
    """Return bars as a frame of `SCHEMA`, in time order, each time once (the last that came)."""
    rows = list(bars)
    # Attributes by name: half the time of attrgetter.
    times = pl.Series("time", [bar.time for bar in rows], pl.Int64)
    columns = {
        "open": [bar.open for bar in rows],
        "high": [bar.high for bar in rows],
        "low": [bar.low for bar in rows],
        "close": [bar.close for bar in rows],
        "volume": [bar.volume for bar in rows],
    }
    values = [pl.Series(name, column, pl.Float64) for name, column in columns.items()]
    frame = pl.DataFrame([times.cast(SCHEMA["time"]), *values])
    moments = times.to_numpy()
    if (moments[1:] > moments[:-1]).all():
        return frame
    return frame.unique("time", keep="last", maintain_order=True).sort("time")


def bars_of(frame: pl.DataFrame) -> list[Bar]:
    """Return the rows of a frame of `SCHEMA` as bars."""
    times = times_of(frame).tolist()
    values = (frame[name].to_list() for name in VALUES)
    return [Bar(*row) for row in zip(times, *values, strict=True)]


def times_of(frame: pl.DataFrame) -> NDArray[np.int64]:
    """Return when the bars of a frame of `SCHEMA` open, in milliseconds UTC."""
    return frame["time"].to_numpy().view(np.int64)


def among(times: NDArray[np.int64], others: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return which times are among others; both rise strictly, which makes it quick."""
    found = np.zeros(len(times), dtype=bool)
    if len(times) == len(others) and (times == others).all():
        return ~found
    places = np.searchsorted(others, times)
    inside = places < len(others)
    found[inside] = others[places[inside]] == times[inside]
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


def fault(bars: pl.DataFrame, interval: str | None = None) -> Fault | None:
    """Return the first fault of a frame with the columns of `SCHEMA`, or None for valid bars.

    Valid: finite numbers, prices above 0, low <= open, close <= high, volume 0 or more, times
    strictly rising, on the grid of the interval.

    Args:
        bars: what is judged.
        interval: one of `markets.INTERVALS`; None leaves the grid out.
    """
    found: list[tuple[int, str, str]] = []
    rules = itertools.chain(_rules(bars), _grid(bars, interval))
    for field, reason, wrong in rules:
        if wrong.any():
            found.append((int(wrong.argmax()), field, reason))
    if not found:
        return None
    row, field, reason = min(found, key=operator.itemgetter(0))
    return Fault(row, bars["time"][row], field, reason)


def _rules(bars: pl.DataFrame) -> Iterator[tuple[str, str, NDArray[np.bool_]]]:
    """Yield each rule as its field, what breaks it, and which rows break it."""
    times = bars["time"]
    numbers = {name: bars[name].to_numpy() for name in VALUES}  # null becomes NaN
    low = numbers["low"]
    high = numbers["high"]
    if times.null_count():
        yield "time", "is missing", times.is_null().to_numpy()
    else:
        moments = times.to_numpy()
        falls = np.zeros(len(moments), dtype=bool)
        falls[1:] = moments[1:] <= moments[:-1]
        yield "time", "is not after the bar before it", falls
    for field, column in numbers.items():
        yield field, "is not a finite number", ~np.isfinite(column)
    yield "low", "is not above 0", low <= 0
    yield "high", "is below low", high < low
    for field in ("open", "close"):
        yield field, "is below low", numbers[field] < low
        yield field, "is above high", numbers[field] > high
    yield "volume", "is below 0", numbers["volume"] < 0


def _grid(
    bars: pl.DataFrame,
    interval: str | None,
) -> Iterator[tuple[str, str, NDArray[np.bool_]]]:
    """Yield the rule of the grid, as `_rules` does.

    A day is 00:00 UTC of its trading date, a week a Monday, a month a first. Shorter bars count
    from the open of a session or the end of a lunch break, all of which are at half hours.
    """
    if interval is None or bars["time"].null_count():
        return
    times = bars["time"]
    seconds = INTERVALS[interval]
    step = min(seconds or SECONDS_OF_A_DAY, SECONDS_OF_A_DAY)
    if step < SECONDS_OF_A_DAY:
        step = min(step, HALF_AN_HOUR)
    yield "time", f"is not the open of a {interval} bar", times_of(bars) % (1000 * step) != 0
    if interval == "1w":
        yield "time", "is not a Monday", times.dt.weekday().to_numpy() != 1
    if interval == "1M":
        yield "time", "is not the first of a month", times.dt.day().to_numpy() != 1
