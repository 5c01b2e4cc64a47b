"""Where nothing is due between two ranges that are proven, they are one: Friday and Monday."""

from __future__ import annotations

from datetime import UTC, datetime, time

from quant_team_data import calendars, trading_days
from quant_team_data.calendars import CalendarError
from quant_team_data.expected import market_for
from quant_team_data.markets import INTERVALS, Market, milliseconds
from quant_team_data.ranges import Range
from quant_team_data.series import Series

# Before it, no calendar knows.
KNOWN_FROM = milliseconds(datetime.combine(trading_days.FIRST, time(), UTC))


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
    if market is None:
        return proven
    found: list[Range] = []
    for low, high in proven:
        if found and not _is_any_due(market, series.interval, (found[-1][1], low), now):
            found[-1] = (found[-1][0], high)
        else:
            found.append((low, high))
    return found


# Details


def _is_any_due(
    market: Market,
    interval: str,
    span: Range,
    now: datetime,
) -> bool:
    """Tell whether the calendar has a bar that opens in a range, or does not know."""
    low, high = span
    if low < KNOWN_FROM:
        return True
    try:
        due = calendars.due(market, interval, low, high, today=now.date())
    except CalendarError:
        return True
    return len(due.opens) > 0
