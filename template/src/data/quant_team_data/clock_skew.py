"""Two clocks that disagree: this machine's, and the one in the service's `Date`.

A bar counts once its period is over by both clocks. That holds while they differ by minutes; a
clock that is hours or years off would hide bars, or let in bars that still change.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import polars as pl

from quant_team_data import pages
from quant_team_data.errors import ClockError
from quant_team_data.markets import DAY, SECONDS_OF_A_DAY, shortest

MOST = timedelta(minutes=5)


def warning(now: datetime, ahead: timedelta) -> str | None:
    """Return the sentence about clocks that are far apart, or None.

    Args:
        now: aware, by this machine's clock.
        ahead: by how much it is ahead of the service's; negative: behind.
    """
    if abs(ahead) <= MOST:
        return None
    theirs = now - ahead
    return (
        f"This machine's clock says {now:%Y-%m-%d %H:%M} UTC and TickDB's {theirs:%Y-%m-%d %H:%M}: "
        "the first counts, so set it if it is wrong."
    )


def closed(
    bars: pl.DataFrame,
    interval: str,
    now: datetime,
    ahead: timedelta,
) -> pl.DataFrame:
    """Return the bars whose period is over.

    Args:
        bars: a frame of `frames.SCHEMA`, in time order.
        interval: one of `markets.INTERVALS`.
        now: aware, by this machine's clock.
        ahead: by how much it is ahead of the service's; negative: behind.

    Raises:
        ClockError: the clocks are far apart, and whether a bar is closed depends on which is right.
    """
    theirs = now - max(ahead, timedelta())
    by_ours = pages.closed(bars, interval, now)
    by_theirs = pages.closed(bars, interval, theirs)
    if abs(ahead) <= MOST:
        return by_theirs
    if len(by_theirs) == len(by_ours) or _is_newer(bars, interval, theirs):
        return by_ours
    raise ClockError(
        f"This machine's clock says {now:%Y-%m-%d %H:%M} UTC and TickDB's {theirs:%Y-%m-%d %H:%M}, "
        "so that nobody knows which bars have closed: set the clock, or request an earlier range."
    )


# Details


def _is_newer(bars: pl.DataFrame, interval: str, theirs: datetime) -> bool:
    """Tell whether the service has bars that its own clock does not know yet: that clock is wrong.

    The day of a currency begins before its date.
    """
    is_long = shortest(interval) >= SECONDS_OF_A_DAY
    opened: datetime = bars["time"][-1]
    return opened - (DAY if is_long else timedelta()) > theirs
