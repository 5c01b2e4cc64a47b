"""The bars just outside of a range: an answer that has them was not cut at the range's edge."""

from __future__ import annotations

from datetime import datetime

from quant_team_data.expected import expected
from quant_team_data.markets import SECONDS_OF_A_DAY, Market, milliseconds, shortest

OUTSIDE = 30  # bars: more than an answer repeats of those inside
LEAST = 14 * 1000 * SECONDS_OF_A_DAY  # ms: every market trades in two weeks


def before(
    market: Market | None,
    interval: str,
    low: int,
    now: datetime,
) -> int:
    """Return when the first of a few bars before a time opens, in milliseconds UTC.

    Args:
        market: whose calendar counts; None: a bar a period.
        interval: one of `markets.INTERVALS`.
        low: in milliseconds UTC.
        now: aware.
    """
    length = _length(interval)
    due = expected(market, interval, (low - length, low), now)
    opens = due.opens[-OUTSIDE:]
    return int(opens[0]) if len(opens) else low - OUTSIDE * due.step


def after(
    market: Market | None,
    interval: str,
    high: int,
    now: datetime,
) -> int:
    """Return when the last of a few closed bars from a time on opens, in milliseconds UTC.

    Args:
        market: whose calendar counts; None: a bar a period.
        interval: one of `markets.INTERVALS`.
        high: in milliseconds UTC.
        now: aware.
    """
    length = _length(interval)
    due = expected(market, interval, (high, high + length), now)
    opens = due.opens[:OUTSIDE]
    if len(opens):
        return int(opens[-1])
    return max(high - 1, min(milliseconds(now), high + OUTSIDE * due.step))


# Details


def _length(interval: str) -> int:
    """Return a time in which a market has a few bars, in milliseconds."""
    return LEAST + 2 * OUTSIDE * 1000 * shortest(interval)
