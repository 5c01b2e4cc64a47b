"""Why nothing came where the market was open: the symbol was not traded yet, or no longer.

An empty answer alone proves nothing. So bars of a longer interval are asked for, over a wider
range: if they are missing there too, and present elsewhere, nothing is the answer.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING

from quant_team_data import frames
from quant_team_data.errors import NoBarsError, PlanError
from quant_team_data.klines import A_DAY, Asked, text
from quant_team_data.markets import SECONDS_OF_A_DAY, longest, milliseconds, shortest
from quant_team_data.proof import Found
from quant_team_data.ranges import Range

if TYPE_CHECKING:
    from quant_team_data.calendars import Times

A_MONTH = 31 * A_DAY

# Takes an interval, a range, and whether nothing would be no answer; returns the bars.
Again = Callable[[str, Range, bool], Found]


def explained(
    asked: Asked,
    span: Range,
    now: datetime,
    again: Again,
    *,
    is_widened: bool,
) -> Found:
    """Return what is known of a range for which nothing came.

    Args:
        asked: symbol and interval.
        span: the range, in milliseconds UTC.
        now: aware.
        again: asks for another interval or range.
        is_widened: bars of a longer interval say that there are some.

    Raises:
        NoBarsError: nothing explains it.
    """
    low, high = span
    latest = milliseconds(now)
    interval = asked.interval
    if is_widened or (interval == "1M" and high >= latest):
        raise _no_bars(asked, low)
    if interval == "1M":
        return _within(again(interval, (low, latest), True), span)
    longer = "1d" if shortest(interval) < SECONDS_OF_A_DAY else "1M"
    end = min(latest, high + A_MONTH) if longer == "1d" else latest
    around = (low - A_MONTH, end)
    try:
        found = again(longer, around, False)
    except PlanError:  # it does not reach as far back
        return Found(frames.SCHEMA.to_frame(), low)
    times = frames.times_of(found.bars)
    length = 1000 * longest(longer)
    near = times[(times > low - length) & (times < high + A_DAY)]
    if len(near):
        begin = min(low, int(near[0]) - A_DAY)
        stop = max(high, int(near[-1]) + length + A_DAY)
        return _within(again(interval, (begin, min(stop, latest)), True), span)
    is_later = _is_later(times, found, around, high)
    return Found(frames.SCHEMA.to_frame(), high if is_later else low)


# Details


def _is_later(times: Times, found: Found, around: Range, high: int) -> bool:
    """Tell whether the service has bars after a range, so that it has answered it."""
    if len(times):
        return bool(times[-1] >= high)
    return found.until >= around[1]


def _within(found: Found, span: Range) -> Found:
    """Return the part of what was found that lies in a range."""
    low, high = span
    times = frames.times_of(found.bars)
    begin, end = times.searchsorted([low, high]).tolist()
    until = max(low, min(found.until, high))
    return Found(found.bars[begin:end], until)


def _no_bars(asked: Asked, low: int) -> NoBarsError:
    return NoBarsError(
        f"TickDB has no {asked.interval} bars of {asked.symbol!r} from {text(low)} on, though the "
        "market was open: check the symbol, or choose another range or interval.",
        symbol=asked.symbol,
    )
