"""Where nothing is due between two ranges that are proven, they are one: Friday and Monday."""

from __future__ import annotations

from datetime import datetime

from quant_team_data.expected import expected, market_for
from quant_team_data.markets import INTERVALS
from quant_team_data.ranges import Range
from quant_team_data.series import Series


def bridged(
    series: Series,
    proven: list[Range],
    now: datetime,
) -> list[Range]:
    """Return ranges, in order and apart, without the breaks in which the market has no bar.

    Args:
        series: whose ranges they are.
        proven: in milliseconds UTC.
        now: aware.
    """
    if series.interval not in INTERVALS:
        return proven  # of splits and dividends
    market = market_for(series.symbol)
    found: list[Range] = []
    for low, high in proven:
        if found and market is not None:
            begin, end = found[-1]
            due = expected(market, series.interval, end, low, now)
            if due.first(end) is None:
                found[-1] = (begin, high)
                continue
        found.append((low, high))
    return found
