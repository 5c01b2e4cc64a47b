"""Bars in pages: what one request gives."""

from __future__ import annotations

from datetime import datetime

import polars as pl

from quant_team_data import answers, klines, messages
from quant_team_data.answers import TypedCaller
from quant_team_data.klines import Asked
from quant_team_data.markets import bar_end, check_interval, milliseconds
from quant_team_data.transport import PATIENCE, Timeout

PAGE = 1000  # bars that a request asks for; how many the service gives is learnt from its answers
KLINE = "/v1/market/kline"


def page(
    caller: TypedCaller,
    asked: Asked,
    limit: int = PAGE,
    timeout: Timeout = PATIENCE,
    adjust: str | None = None,
) -> pl.DataFrame:
    """Return the bars of one request, those still forming included.

    Args:
        caller: sends the request.
        asked: symbol, interval, and the range, if there is one.
        limit: bars at most.
        timeout: seconds to connect, and to wait for the response.
        adjust: "forward" or "backward" for TickDB's own adjusted prices.

    Returns:
        A frame of `frames.SCHEMA`, in time order, each time once.

    Raises:
        TickDBError: the subclass that fits; DecodeError for an answer to another request, or with
            a bar that is not valid.
    """
    params = {
        "symbol": answers.one_symbol(asked.symbol),
        "interval": check_interval(asked.interval),
        "limit": limit,
        **_range(caller, asked),
        "type": asked.type,
        "adjust": adjust,
    }
    found = caller.get(KLINE, params, messages.Klines, asked.symbol, timeout)
    return klines.checked(found, asked)


def closed(
    bars: pl.DataFrame,
    interval: str,
    now: datetime,
) -> pl.DataFrame:
    """Return the bars whose period is over at a time (aware)."""
    count = len(bars)
    while count and bar_end(bars["time"][count - 1], interval) > now:
        count -= 1
    return bars.head(count)


def _range(caller: TypedCaller, asked: Asked) -> dict[str, int]:
    """Return the range of a request, in milliseconds UTC, which does not reach into the future."""
    bounds = klines.stamps(asked)
    if bounds is None or asked.high is None:
        return {}
    low, high = bounds
    now = max(milliseconds(caller.clock()), asked.high)
    return {"start_time": low, "end_time": min(high, now)}
