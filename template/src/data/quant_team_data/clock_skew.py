"""Two clocks that disagree: this machine's, and the one in the service's `Date`.

A bar counts once its period is over by both clocks. That holds while they differ by minutes; a
clock that is hours or years off would hide bars, or let in bars that still change.
"""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

import polars as pl

from quant_team_data import pages
from quant_team_data.answers import TypedCaller
from quant_team_data.errors import ClockError
from quant_team_data.markets import DAY, SECONDS_OF_A_DAY, shortest

MOST = timedelta(minutes=5)

logger = logging.getLogger(__name__)


def closed(
    bars: pl.DataFrame,
    interval: str,
    caller: TypedCaller,
) -> pl.DataFrame:
    """Return the bars whose period is over; report clocks that are far apart, once.

    Args:
        bars: a frame of `frames.SCHEMA`, in time order.
        interval: one of `markets.INTERVALS`.
        caller: who got them; it knows both clocks.

    Raises:
        ClockError: the clocks are far apart, and whether a bar is closed depends on which is right.
    """
    now = caller.clock()
    ahead = caller.skew
    theirs = now - max(ahead, timedelta())
    by_ours = pages.closed(bars, interval, now)
    by_theirs = pages.closed(bars, interval, theirs)
    if abs(ahead) <= MOST:
        return by_theirs
    says = (
        f"This machine's clock says {now:%Y-%m-%d %H:%M} UTC and TickDB's "
        f"{now - ahead:%Y-%m-%d %H:%M}"
    )
    if len(by_theirs) < len(by_ours) and not _is_newer(bars, interval, theirs):
        raise ClockError(
            f"{says}, so nobody knows which bars have closed: set the clock, or request an earlier "
            "range."
        )
    if not caller.has_warned:
        caller.has_warned = True
        logger.warning("%s: the first counts, so set it if it is wrong.", says)
    return by_ours


# Details


def _is_newer(bars: pl.DataFrame, interval: str, theirs: datetime) -> bool:
    """Tell whether the service has bars that its own clock does not know yet: that clock is wrong.

    The day of a currency begins before its date.
    """
    is_long = shortest(interval) >= SECONDS_OF_A_DAY
    opened: datetime = bars["time"][-1]
    return opened - (DAY if is_long else timedelta()) > theirs
