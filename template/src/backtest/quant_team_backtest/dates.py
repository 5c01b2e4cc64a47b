"""The day to which each close of a run belongs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from quant_team_backtest.adjusting import DATED
from quant_team_backtest.metrics import utc_dates
from quant_team_backtest.prepared import Prepared as Bars
from quant_team_backtest.simulation import Times

if TYPE_CHECKING:
    from quant_team_backtest.prepare import Prepared


def dates_of(prepared: Prepared, bars: Bars) -> Times:
    """Return the trading date of each close, or its UTC day, as 00:00 of it in milliseconds UTC.

    Trading dates where all symbols share a calendar, else UTC days, where a close at 00:00 ends the
    day before it. A week or month is its last day.

    Args:
        prepared: what ran, with the calendar and the dates of each symbol.
        bars: the same on one axis.
    """
    days = utc_dates(bars.axis)
    markets = prepared.markets.values()
    calendars = {(market.calendar, market.timezone) for market in markets}
    if prepared.interval in DATED or len(calendars) > 1:
        return days
    for symbol, series in zip(bars.symbols, bars.series, strict=True):
        at = slice(None) if series.at is None else series.at
        days[at] = prepared.adjustments[symbol].dates
    return np.maximum.accumulate(days)
