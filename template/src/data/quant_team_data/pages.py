"""Bars in pages: one request, or as many as a range takes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime

import numpy as np
import polars as pl

from quant_team_data import answers, frames, messages
from quant_team_data.answers import TypedCaller
from quant_team_data.markets import bar_end, check_interval, shortest
from quant_team_data.transport import PATIENCE, Timeout
from quant_team_utils import console

PAGE = 1000  # bars that TickDB gives at most per request
KLINE = "/v1/market/kline"


def page(
    caller: TypedCaller,
    symbol: str,
    interval: str,
    type: str | None,
    numbers: Mapping[str, int],
    timeout: Timeout = PATIENCE,
    adjust: str | None = None,
) -> pl.DataFrame:
    """Return the bars of one request, those still forming included.

    Args:
        caller: sends the request.
        symbol: TickDB's spelling.
        interval: one of `quant_team_data.markets.INTERVALS`.
        type: asset class, for a symbol that is ambiguous.
        numbers: `limit`, and `start_time` and `end_time` in milliseconds UTC.
        timeout: seconds to connect, and to wait for the response.
        adjust: "forward" or "backward" for TickDB's own adjusted prices.

    Returns:
        A frame of `frames.SCHEMA`, in time order, each time once.

    Raises:
        TickDBError: the subclass that fits; DecodeError for a bar that is not valid.
    """
    params = {
        "symbol": answers.one_symbol(symbol),
        "interval": check_interval(interval),
        **numbers,
        "type": type,
        "adjust": adjust,
    }
    found = caller.get(KLINE, params, messages.Klines, symbol, timeout)
    return answers.frame(found, symbol)


def between(
    caller: TypedCaller,
    symbol: str,
    interval: str,
    type: str | None,
    low: int,
    high: int,
) -> pl.DataFrame:
    """Return the bars that open in a range of milliseconds, as `page` does.

    Args:
        caller: sends the requests.
        symbol: TickDB's spelling.
        interval: one of `quant_team_data.markets.INTERVALS`.
        type: asset class, for a symbol that is ambiguous.
        low: the first time, included.
        high: the first time left out.
    """
    blocks = list(_blocks(caller, symbol, interval, type, low, high))
    blocks.sort(key=lambda block: block["time"][0])
    return pl.concat([frames.SCHEMA.to_frame(), *blocks])


def _blocks(
    caller: TypedCaller,
    symbol: str,
    interval: str,
    type: str | None,
    first: int,
    last: int,
) -> Iterator[pl.DataFrame]:
    """Yield the bars of a range in blocks, in any order.

    Neither is it documented which end of an overflowing range is cut, nor promised that the cap
    stays. So a page that may be full counts as one known block, and the ranges before and after it
    are requested, too.
    """
    step = 1000 * shortest(interval)
    unknown = [(first, last)]
    with console.progress(f"{symbol} {interval}", last - first) as advance:
        while unknown:
            low, high = unknown.pop()
            if low >= high or (low > first and high - low < step):
                continue  # between two neighbours there is no bar
            wanted = {"limit": PAGE, "start_time": low, "end_time": high}
            found = page(caller, symbol, interval, type, wanted)
            times = frames.times_of(found)
            begin, end = np.searchsorted(times, [low, high]).tolist()
            inside = found[begin:end]
            if len(inside):
                yield inside
            if len(times) and len(times) % 100 == 0 and times[-1] >= low:
                if times[0] >= high:
                    what = f"times of {symbol} that are not those of the request"
                    raise answers.invalid(what, symbol)
                unknown += [(low, int(times[0])), (int(times[-1]) + 1, high)]
            advance(_length(inside) if len(inside) else high - low)


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


def _length(bars: pl.DataFrame) -> int:
    times = frames.times_of(bars)
    return int(times[-1] - times[0])
