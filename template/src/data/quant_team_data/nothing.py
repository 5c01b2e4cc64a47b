"""Why nothing came where the market was open: the symbol was not traded yet, or no longer.

An empty answer alone proves nothing. So bars of a longer interval are asked for, over a wider
range: if they are missing there too, and present elsewhere, nothing is the answer.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from quant_team_data import frames
from quant_team_data.errors import NoBarsError, PlanError
from quant_team_data.gathered import cut
from quant_team_data.klines import A_DAY, Asked, text
from quant_team_data.markets import SECONDS_OF_A_DAY, longest, milliseconds, shortest
from quant_team_data.proof import Found
from quant_team_data.ranges import Range

A_MONTH = 31 * A_DAY
RECENT = 5 * A_DAY  # holidays and a weekend: what traded then may trade now

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
    is_whole_history = interval == "1M" and high >= latest
    if is_widened or is_whole_history:
        raise _no_bars(asked, low)
    if interval == "1M":
        wider = again(interval, (low, latest), True)
        return _within(wider, span)
    longer = "1d" if shortest(interval) < SECONDS_OF_A_DAY else "1M"
    end = latest
    if longer == "1d":
        end = min(latest, high + A_MONTH)
    try:
        found = again(longer, (low - A_MONTH, end), False)
    except PlanError:  # it does not reach as far back
        return _nothing(low)
    times = frames.times_of(found.bars)
    length = 1000 * longest(longer)
    near = times[(times > low - length) & (times < high + A_DAY)]
    if not len(near) and longer == "1d":
        # The day of the range may not be over: its bar is not there yet, that of the day before is.
        recent = times[(times > low - length - RECENT) & (times < low)]
        near = recent[-1:]
    if len(near):
        begin = min(low, int(near[0]) - A_DAY)
        stop = max(high, int(near[-1]) + length + A_DAY)
        wider = again(interval, (begin, min(stop, latest)), True)
        return _within(wider, span)
    # Bars after the range prove that it was answered.
    is_later = bool(times[-1] >= high) if len(times) else found.until >= end
    return _nothing(high if is_later else low)


# Details


def _nothing(until: int) -> Found:
    return Found(frames.SCHEMA.to_frame(), until)


def _within(found: Found, span: Range) -> Found:
    """Return the part of what was found that lies in a range."""
    low, high = span
    bars = cut(found.bars, span)
    until = min(found.until, high)
    return Found(bars, max(low, until))


def _no_bars(asked: Asked, low: int) -> NoBarsError:
    return NoBarsError(
        f"TickDB has no {asked.interval} bars of {asked.symbol!r} from {text(low)} on, though the "
        "market was open: check the symbol, or choose another range or interval.",
        symbol=asked.symbol,
    )
