"""The bars of a run as the engine wants them, with the rules of the board on which each trades."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from quant_team_backtest.simulation import Bars, Flags, Floats, Flow, Times

if TYPE_CHECKING:
    import polars as pl

    from quant_team_backtest.adjusting import Adjustment
    from quant_team_backtest.prepare import Prepared
    from quant_team_data.markets import Market

TICK = 0.01  # to which a price limit is rounded
GONE = 10  # bars of a day or longer, or days, without which a symbol counts as gone


def bars_of(prepared: Prepared) -> dict[str, Bars]:
    """Return the bars of each symbol as arrays.

    A bar closes after its length, or earlier, when the next opens.
    """
    from quant_team_data.markets import longest

    length = longest(prepared.interval) * 1000
    found = {}
    for symbol, (bars, _) in prepared.slices.items():
        market = prepared.markets[symbol]
        adjustment = prepared.adjustments[symbol]
        opened = bars["time"].to_physical().to_numpy()
        following = np.append(opened[1:], np.iinfo(np.int64).max)
        limits = limits_of(bars, market, adjustment)
        found[symbol] = Bars(
            opened=opened,
            closed=np.minimum(opened + length, following),
            open=bars["open"].to_numpy(),
            high=bars["high"].to_numpy(),
            low=bars["low"].to_numpy(),
            close=bars["close"].to_numpy(),
            volume=bars["volume"].to_numpy(),
            fractional=market.fractional,
            lot=market.lot or 1,
            buy_duty=market.buy_duty,
            sell_duty=market.sell_duty,
            same_day_sale=market.same_day_sale,
            can_buy=limits.can_buy,
            can_sell=limits.can_sell,
            flows=adjustment.flows,
            ends=has_ended(int(opened[-1]), prepared.last, market),
        )
    return found


class Limits(NamedTuple):
    """On which bars each side can trade; None for all.

    Attributes:
        can_buy: not where all of a bar is at the upper limit.
        can_sell: not where all of it is at the lower one.
    """

    can_buy: Flags | None = None
    can_sell: Flags | None = None


def limits_of(
    bars: pl.DataFrame,
    market: Market,
    adjustment: Adjustment,
) -> Limits:
    """Return where a daily price limit leaves nobody to trade with: a bar of one price at it.

    The limit is a fraction from the close of the trading date before, rounded to a hundredth; after
    a split or dividend, from what that close is worth without it.

    Args:
        bars: a frame of `frames.SCHEMA`.
        market: its rules.
        adjustment: trading dates, splits and dividends.
    """
    if market.price_limit is None:
        return Limits()
    close = bars["close"].to_numpy()
    reference = _reference(close, adjustment.dates, adjustment.flows)
    low = bars["low"].to_numpy()
    is_one_price = low == bars["high"].to_numpy()
    upper = np.round(reference * (1 + market.price_limit), 2)
    lower = np.round(reference * (1 - market.price_limit), 2)
    half = TICK / 2
    return Limits(
        can_buy=~(is_one_price & (close > upper - half)),
        can_sell=~(is_one_price & (close < lower + half)),
    )


def has_ended(
    last: int,
    until: date,
    market: Market,
) -> bool:
    """Tell whether the bars of a symbol end while its calendar goes on.

    Args:
        last: open of the last bar, milliseconds since 1970, UTC.
        until: last day of the range.
        market: whose calendar counts.
    """
    from quant_team_data import trading_days

    day = trading_days.date_of(last // trading_days.MILLISECONDS_OF_A_DAY)
    known = trading_days.rows(market, day, min(until, trading_days.known_until(market)))
    return len(known.days) > GONE


# Details


def _reference(
    close: Floats,
    dates: Times,
    flows: tuple[Flow, ...],
) -> Floats:
    """Return the close of the trading date before that of each bar; NaN on the first date."""
    first = np.flatnonzero(np.append(True, dates[1:] != dates[:-1]))
    before = np.append(np.nan, close[first[1:] - 1])
    counts = np.diff(np.append(first, len(close)))
    reference = np.repeat(before, counts)
    for flow in flows:
        of_its_date = dates == dates[flow.bar]
        reference[of_its_date] = (reference[of_its_date] - flow.cash) / flow.ratio
    return reference
