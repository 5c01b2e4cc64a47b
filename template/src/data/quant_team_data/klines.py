"""An answer of bars, checked against its request before anything is computed with it.

The answer must be for the symbol and the interval that were asked for, its times must lie in the
range, and its bars must be valid. Bars of a day or longer are brought to their trading dates here,
whatever the vendor's stamps.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import NamedTuple

import numpy as np
import polars as pl

from quant_team_data import calendars, frames
from quant_team_data.answers import invalid, is_same_symbol
from quant_team_data.errors import DecodeError
from quant_team_data.expected import market_for
from quant_team_data.frames import SCHEMA
from quant_team_data.markets import SECONDS_OF_A_DAY, longest, shortest
from quant_team_data.messages import Bar, Klines

SECONDS = 10**11  # a time below it, until 1973 in milliseconds, can only be in seconds
A_DAY = 1000 * SECONDS_OF_A_DAY


class Asked(NamedTuple):
    """What a request asks for.

    Attributes:
        symbol: TickDB's spelling.
        interval: one of `markets.INTERVALS`.
        type: asset class, for a symbol that is ambiguous.
        low: the first open, in milliseconds UTC; None: there is no range.
        high: the last open, included, for no one says whether the service counts it.
    """

    symbol: str
    interval: str
    type: str | None = None
    low: int | None = None
    high: int | None = None


def stamps(asked: Asked) -> tuple[int, int] | None:
    """Return between which stamps, both included, the bars of a range may be, or None.

    A trading date may be stamped with the open or the close of the market, or with the midnight of
    the exchange: up to a day before 00:00 UTC of it, or until the bar closes.
    """
    low = asked.low
    high = asked.high
    if low is None or high is None:
        return None
    if shortest(asked.interval) < SECONDS_OF_A_DAY:
        return low, high
    length = 1000 * longest(asked.interval)
    return low - A_DAY, high + length


def checked(found: Klines | None, asked: Asked) -> pl.DataFrame:
    """Return the bars of an answer as a frame of `frames.SCHEMA`, in time order, each once.

    Args:
        found: the answer; None: there are no bars.
        asked: the request.

    Raises:
        DecodeError: it is the answer to another request, or a bar of it is not valid.
    """
    if found is None:
        return SCHEMA.to_frame()
    require_same(found, asked)
    bars = frames.frame_of(found.klines)
    if bars.is_empty():
        return bars
    if len(bars) < len(found.klines):
        _require_same_twice(found.klines, asked.symbol)
    _require_in_range(bars, asked)
    if shortest(asked.interval) >= SECONDS_OF_A_DAY:
        dated = _dated(bars, asked)
        bars = _within(once(dated, asked.symbol), asked)
    # The newest bars are for a look; only those of a range are kept and computed with.
    grid = asked.interval if asked.low is not None else None
    fault = frames.fault(bars, grid)
    if fault is not None:
        raise invalid(fault.of(asked.symbol), asked.symbol)
    return bars


def require_same(found: Klines, asked: Asked) -> None:
    """Refuse an answer for another symbol, interval or type; what it does not say is not judged.

    Raises:
        DecodeError: it is one.
    """
    symbol = asked.symbol
    is_same = found.symbol is None or is_same_symbol(symbol, found.symbol)
    if not is_same:
        raise invalid(f"bars of {found.symbol!r} instead of {symbol!r}", symbol)
    if found.interval not in (None, asked.interval):
        what = f"{found.interval!r} bars of {symbol!r} instead of {asked.interval!r} bars"
        raise invalid(what, symbol)
    is_same_type = asked.type is None or found.type in (None, asked.type)
    if not is_same_type:
        what = f"{symbol!r} of the type {found.type!r} instead of {asked.type!r}"
        raise invalid(what, symbol)


def once(bars: pl.DataFrame, symbol: str) -> pl.DataFrame:
    """Return bars in time order, each once.

    Raises:
        DecodeError: two bars of one time differ.
    """
    if _rises(bars):
        return bars
    bars = bars.unique(maintain_order=True)
    bars = bars.sort("time")
    if _rises(bars):
        return bars
    times = frames.times_of(bars)
    is_again = ~frames.is_rising(times)
    again = times[is_again]
    raise _differing(symbol, int(again[0]))


def text(milliseconds: int) -> str:
    """Return a time in milliseconds UTC as people write it."""
    return f"{datetime.fromtimestamp(milliseconds / 1000, UTC):%Y-%m-%dT%H:%MZ}"


# Details


def _require_same_twice(bars: list[Bar], symbol: str) -> None:
    """Refuse two different bars for one time."""
    known: dict[int, Bar] = {}
    for bar in bars:
        if known.setdefault(bar.time, bar) != bar:
            raise _differing(symbol, bar.time)


def _differing(symbol: str, time: int) -> DecodeError:
    return invalid(f"two different bars of {symbol!r} at {text(time)}", symbol)


def _require_in_range(bars: pl.DataFrame, asked: Asked) -> None:
    """Refuse times in seconds, and times that are not those of the request."""
    times = frames.times_of(bars)
    first = int(times[0])
    last = int(times[-1])
    bounds = stamps(asked)
    earliest = SECONDS if bounds is None else bounds[0]
    if first < SECONDS <= earliest:
        what = f"times of {asked.symbol!r} in seconds, not in milliseconds"
        raise invalid(what, asked.symbol)
    if bounds is None:
        return
    low, high = bounds
    if shortest(asked.interval) >= SECONDS_OF_A_DAY:
        low -= A_DAY  # the day of a currency begins before its date
        high += A_DAY
    stranger = first if first < low else last
    if first < low or last > high:
        what = f"times of {asked.symbol} that are not those of the request: {text(stranger)}"
        raise invalid(what, asked.symbol)


def _dated(bars: pl.DataFrame, asked: Asked) -> pl.DataFrame:
    """Return bars of a day or longer at their trading dates."""
    market = market_for(asked.symbol)
    times = frames.times_of(bars)
    is_dated = asked.interval == "1d" and not (times % A_DAY).any()
    if market is None or is_dated:
        return bars
    times = calendars.trading_dates(times, market, asked.interval)
    column = pl.Series("time", times)
    return bars.with_columns(column.cast(SCHEMA["time"]))


def _within(bars: pl.DataFrame, asked: Asked) -> pl.DataFrame:
    """Return the bars of the range; dates at its edges may be those of its neighbours."""
    low = asked.low
    high = asked.high
    if low is None or high is None:
        return bars
    times = frames.times_of(bars)
    begin, end = np.searchsorted(times, [low, high + 1]).tolist()
    return bars[begin:end]


def _rises(bars: pl.DataFrame) -> bool:
    times = frames.times_of(bars)
    return bool(frames.is_rising(times).all())
