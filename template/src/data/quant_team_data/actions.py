"""Splits and dividends: adjustment factors, and prices adjusted by them.

Adjusted prices are computed from raw bars and the factors that are known today, and never stored.
The factors that were used are kept in the cache, so that `data.lock` can agree on them.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from operator import attrgetter
from typing import Literal

import polars as pl

from quant_team_data import answers, cache, errors, frames, lock, messages
from quant_team_data.cache import Series
from quant_team_data.markets import milliseconds
from quant_team_data.messages import Factor
from quant_team_data.tickdb import TickDBClient

PRICES = ("open", "high", "low", "close")
HALF_DAY = timedelta(hours=12)

logger = logging.getLogger(__name__)

Adjust = Literal["none", "forward", "backward"]


def check(
    series: Series,
    adjust: Adjust,
    offline: bool,
) -> None:
    """Raise unless the prices of a series can be adjusted.

    Raises:
        BadRequestError: its bars are longer than a day and may hold an event in their middle, or
            there are no factors offline.
    """
    if adjust == "none":
        return
    if offline or series.interval in ("1w", "1M"):
        raise errors.BadRequestError(
            "Adjusted prices need daily or shorter bars and a connection to TickDB: pass "
            "adjust='none'.",
            symbol=series.symbol,
        )


def adjusted(
    bars: pl.DataFrame,
    series: Series,
    adjust: Adjust,
    client: TickDBClient,
) -> pl.DataFrame:
    """Return bars of a stock with prices moved over splits and dividends.

    How factors are meant to be chained is not documented, so one bar is compared with TickDB's own
    adjusted one.

    Args:
        bars: raw, as `history.read` returns them, at least one.
        series: whose bars they are.
        adjust: "forward" leaves today's prices as they are, "backward" the oldest.
        client: fetches the factors and the bar to compare with.

    Raises:
        PlanError: the plan has no factors.
        DecodeError: TickDB's own bar differs.
    """
    found = client.factors(series.symbol)
    factors = [factor for factor in found if factor.adjust in (None, adjust)]
    if not found:
        return bars
    _keep(series, adjust, factors)
    moved = apply(bars, factors, series.interval, adjust)
    bar = moved.row(0 if adjust == "forward" else -1, named=True)
    theirs = client.adjusted_bar(series.symbol, series.interval, adjust, milliseconds(bar["time"]))
    close = theirs.close if theirs else bar["close"]
    if not factors or not math.isclose(close, bar["close"], rel_tol=1e-3, abs_tol=0.01):
        what = (
            f"adjustment factors of {series.symbol} that do not give TickDB's own adjusted prices"
        )
        raise answers.invalid(what, series.symbol)
    return moved


def apply(
    bars: pl.DataFrame,
    factors: Sequence[Factor],
    interval: str,
    adjust: Adjust,
) -> pl.DataFrame:
    """Return bars with each price as price * `factor_a` + `factor_b`, event by event.

    An event counts for the bars before it ("forward") or from it on ("backward"), the nearest
    first.

    Args:
        bars: raw, a frame of `frames.SCHEMA`.
        factors: of this direction, in any order.
        interval: of the bars.
        adjust: "forward" or "backward".
    """
    forward = adjust == "forward"
    prices = pl.col(PRICES)
    opened = pl.col("time")
    if interval == "1d":
        opened = (opened + HALF_DAY).dt.truncate("1d")
    for factor in sorted(factors, key=attrgetter("timestamp"), reverse=not forward):
        event = _midnight(factor)
        concerned = opened < event if forward else opened >= event
        moved = pl.when(concerned).then(prices * factor.factor_a + factor.factor_b)
        bars = bars.with_columns(moved.otherwise(prices))
    return bars


def _midnight(factor: Factor) -> datetime:
    """Return the midnight UTC nearest to an event, which carries midnight somewhere on earth."""
    noon = datetime.fromtimestamp(factor.timestamp / 1000, UTC) + HALF_DAY
    return noon.replace(hour=0, minute=0, second=0, microsecond=0)


def _keep(
    series: Series,
    adjust: Adjust,
    factors: Sequence[Factor],
) -> None:
    """Put today's factors into the cache; warn where they are not those of `data.lock`.

    A factor is kept as a row at its time, `factor_a` as the open and `factor_b` as the close.
    """
    if not factors:
        return
    by_time = {factor.timestamp: factor for factor in factors}
    rows = [
        messages.Bar(factor.timestamp, factor.factor_a, 0.0, 0.0, factor.factor_b, 0.0)
        for factor in by_time.values()
    ]
    frame = frames.frame_of(rows)
    kept = Series(series.source, cache.FACTORS, series.symbol, adjust)
    _, differing = lock.check(kept, frame, cache.load(kept), lock.read())
    if differing:
        logger.warning(lock.difference(differing))
    cache.put(kept, frame)
