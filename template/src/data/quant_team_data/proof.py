"""What an answer proves: up to when a series is known, and what older versions only believed.

A range is proven where an answer reached it: a bar proves that what is missing before it was
answered. After the last bar, only what the market's calendar does not expect is proven. So halts,
holidays and the years before a listing are fetched once, and a tail that should have bars is
fetched again.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

import polars as pl

from quant_team_data import frames, ranges
from quant_team_data.expected import expected, market_for
from quant_team_data.markets import longest
from quant_team_data.ranges import Range, without

if TYPE_CHECKING:
    from quant_team_data.series import Series


class Found(NamedTuple):
    """Bars of a range, and up to when the service has answered.

    Attributes:
        bars: a frame of `frames.SCHEMA`, in time order.
        until: in milliseconds UTC; before it, a bar that is not there does not exist.
    """

    bars: pl.DataFrame
    until: int


def reached(
    series: Series,
    found: Found,
    span: Range,
    now: datetime,
) -> int:
    """Return up to when, in milliseconds UTC, a range is proven by the bars that came for it.

    Args:
        series: whose bars.
        found: the bars within the range.
        span: the range, in milliseconds UTC.
        now: aware.
    """
    low, high = span
    times = frames.times_of(found.bars)
    # Right after the last bar that came, the next may only be late.
    last = int(times[-1]) + 1 if len(times) else low
    seen = min(high, max(low, last, found.until))
    certain = min(high, ranges.last_certain(series.interval, now))
    if certain <= seen:
        return seen
    market = market_for(series.symbol)
    due = expected(market, series.interval, (seen, certain), now)
    missing = due.first(seen)
    return certain if missing is None else max(seen, missing)


def still_proven(
    series: Series,
    bars: pl.DataFrame,
    proven: list[Range],
) -> list[Range]:
    """Return what may be believed of the proven ranges that an older version wrote.

    Older versions took an empty or short answer for the end of the bars. So a range counts as not
    fetched from the first bar to the last that the calendar expects in it and that is not there.

    Args:
        series: whose bars.
        bars: a frame of `frames.SCHEMA`, in time order.
        proven: in milliseconds UTC.
    """
    market = market_for(series.symbol)
    times = frames.times_of(bars)
    length = timedelta(seconds=longest(series.interval))
    holes: list[Range] = []
    for low, high in proven:
        closed = datetime.fromtimestamp(high / 1000, UTC) + length
        due = expected(market, series.interval, (low, high), closed)
        missing = due.missing(times, low, high)
        if len(missing):
            holes.append((int(missing[0]), int(missing[-1]) + 1))
    return without(proven, holes)
