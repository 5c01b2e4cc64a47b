"""Splits and dividends of a run: what is known of them, as flows for the account and as signals.

Fills, fees and the account use raw prices; what happens to a position at an ex-date is a flow, see
`engine`. Signals need prices without the jumps. They get total-return prices that begin raw: the
bars from an ex-date on are multiplied by

    ratio * P / (P - cash)

where P is the raw close of the bar before it, and each ex-date adds its factor to those before. So
returns are those of a holder who reinvests, and no bar depends on what happens after it. Volumes
are divided by the ratios: all of them count shares of the first bar.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from operator import itemgetter
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from quant_team_backtest.simulation import Flow, Times
from quant_team_utils.errors import QuantError

if TYPE_CHECKING:
    from quant_team_data.actions import Action, Known
    from quant_team_data.cache import Slice
    from quant_team_data.markets import Market
    from quant_team_data.series import Series

# What a run did about splits and dividends.
FLOWS = "flows"
ADJUSTED = "adjusted"
UNADJUSTED = "unadjusted"
LONG = ("1w", "1M")
DATED = ("1d", *LONG)  # bars that are stamped with a date
PRICES = ("open", "high", "low", "close")
DAY = timedelta(days=1)
QUARTER = timedelta(days=92)


class AdjustmentError(QuantError):
    """A run cannot apply a split or dividend."""


@dataclass(frozen=True)
class Adjustment:
    """How the splits and dividends of one symbol enter a run.

    Attributes:
        how: "flows": all are known and applied, even if there are none; "adjusted": the import
            says that its prices are; "unadjusted": nothing is known of them.
        dates: trading date of each bar, int64 milliseconds at 00:00 UTC.
        flows: what happens at which bar.
        known: what the cache knows; None for what has no splits and dividends, such as a coin.
        reason: why the vendor's list could not be fetched; else empty.
    """

    how: str
    dates: Times
    flows: tuple[Flow, ...] = ()
    known: Known | None = None
    reason: str = ""

    @property
    def used(self) -> list[Action]:
        """The actions that are ex after the first bar and not after the last."""
        if self.known is None or self.how != FLOWS:
            return []
        first, last = day_of(self.dates[0]), day_of(self.dates[-1])
        return [action for action in self.known.actions if first < action.date <= last]


def find(
    source: str,
    interval: str,
    places: Mapping[str, Market],
    slices: Mapping[str, Slice],
) -> dict[str, Adjustment]:
    """Return how the splits and dividends of each symbol enter a run.

    What the cache does not know of TickDB's stocks is fetched; if that fails, it stays unknown.

    Args:
        source: "sandbox", "tickdb" or "import:NAME".
        interval: of the bars.
        places: the market of each symbol.
        slices: the bars of each symbol.

    Raises:
        AdjustmentError: an action falls into the middle of a bar, or leaves nothing of a share.
    """
    from quant_team_data import many
    from quant_team_data.series import Series

    def work(symbol: str) -> Adjustment:
        series = Series(source, places[symbol].type, symbol, interval)
        return _of(series, places[symbol], slices[symbol])

    if len(slices) == 1 or source != "tickdb":
        return {symbol: work(symbol) for symbol in slices}
    return many.each(slices, work).complete()


def overall(adjustments: Mapping[str, Adjustment]) -> str:
    """Return what a run did: the least that was done for one of its symbols."""
    found = {adjustment.how for adjustment in adjustments.values()}
    for how in (UNADJUSTED, ADJUSTED):
        if how in found:
            return how
    return FLOWS


def warnings_of(adjustments: Mapping[str, Adjustment]) -> list[str]:
    """Return what to know where splits and dividends are not known, one sentence each.

    Bars of less than a quarter need no word: few shares pay in so short a time.
    """
    found = []
    unknown = []
    for symbol, adjustment in adjustments.items():
        known = adjustment.known
        first, last = day_of(adjustment.dates[0]), day_of(adjustment.dates[-1])
        if known is None or known.covers(last) or adjustment.how == ADJUSTED:
            continue
        if adjustment.reason:
            found.append(f"The splits and dividends of {symbol} are unknown: {adjustment.reason}")
        elif known.is_known:
            found.append(f"The splits and dividends of {symbol} are only known to {known.until}.")
        elif last - first > QUARTER:
            unknown.append(symbol)
    if unknown:
        listed = ", ".join(unknown)
        found.append(
            f"The splits and dividends of {listed} are unknown: prices are unadjusted, dividends "
            "are missing; `quant data import --actions` adds them."
        )
    return found


def signals(bars: pl.DataFrame, flows: tuple[Flow, ...]) -> pl.DataFrame:
    """Return bars with total-return prices that begin raw, as the module's docstring says.

    Args:
        bars: raw, a frame of `frames.SCHEMA`.
        flows: splits and dividends, in order.
    """
    if not flows:
        return bars
    close = bars["close"].to_numpy()
    price = np.ones(len(bars))
    units = np.ones(len(bars))
    for flow in flows:
        before = close[flow.bar - 1]
        price[flow.bar :] *= flow.ratio * before / (before - flow.cash)
        units[flow.bar :] *= flow.ratio
    return bars.with_columns(
        pl.col(PRICES) * pl.Series(price),
        pl.col("volume") / pl.Series(units),
    )


def day_of(stamp: int | np.int64) -> date:
    """Return the date of a time at 00:00 UTC, in milliseconds since 1970."""
    return date(1970, 1, 1) + timedelta(milliseconds=int(stamp))


def bar_at(
    day: date,
    dates: Times,
    market: Market,
    interval: str,
) -> int:
    """Return the first bar on or after a date; the number of bars if there is none.

    Args:
        day: a trading date.
        dates: of the bars, as in `Adjustment`.
        market: where the symbol trades.
        interval: of the bars.
    """
    from quant_team_data import actions, calendars

    stamps = np.array([actions.stamp(day)])
    if interval in LONG:
        stamps = calendars.trading_dates(stamps, market, interval)
    return int(np.searchsorted(dates, stamps[0]))


# Details


def _of(
    series: Series,
    market: Market,
    found: Slice,
) -> Adjustment:
    from quant_team_data import factors

    dates = _dates(found.bars, market, series.interval)
    if series.type != "stock" or series.source == "sandbox":  # synthetic prices have no actions
        return Adjustment(FLOWS, dates)
    if found.stored.prices == ADJUSTED:
        return Adjustment(ADJUSTED, dates)
    known, reason = factors.current(found.bars, series, day_of(dates[-1]))
    if not known.is_known:
        return Adjustment(UNADJUSTED, dates, known=known, reason=reason)
    flows = _flows(series, market, known, found.bars, dates)
    return Adjustment(FLOWS, dates, flows, known, reason)


def _dates(bars: pl.DataFrame, market: Market, interval: str) -> Times:
    """Return the trading date of each bar."""
    from quant_team_data import calendars, frames

    times = frames.times_of(bars)
    if interval in DATED:
        return times
    # A bar of an hour that opens at 00:00 UTC is not stamped with a date: 1 ms tells it apart.
    return calendars.trading_dates(times + 1, market, "1d")


def _flows(
    series: Series,
    market: Market,
    known: Known,
    bars: pl.DataFrame,
    dates: Times,
) -> tuple[Flow, ...]:
    """Return what happens at which bar; several actions before one bar are one."""
    from quant_team_data import actions

    placed = []
    for action in known.actions:
        bar = bar_at(action.date, dates, market, series.interval)
        if 0 < bar < len(dates):
            _require_open(series, action, market, dates[bar])
            placed.append((bar, action))
    close = bars["close"]
    flows = []
    for bar, group in itertools.groupby(placed, key=itemgetter(0)):
        day = day_of(dates[bar])
        (whole,) = actions.combined(action._replace(date=day) for _, action in group)
        before = close[bar - 1]
        if not whole.cash < before:
            raise AdjustmentError(
                f"{series.symbol} has a {whole} on {day}, after a close of {before:g}: correct "
                "the list of its splits and dividends."
            )
        flows.append(Flow(bar, whole.ratio, whole.cash))
    return tuple(flows)


def _require_open(
    series: Series,
    action: Action,
    market: Market,
    begin: np.int64,
) -> None:
    """Refuse an action that falls into the middle of a week or a month.

    Raises:
        AdjustmentError: the market trades in that bar before the ex-date.
    """
    from quant_team_data import calendars

    if series.interval not in LONG:
        return
    first = day_of(begin)
    if first < action.date and calendars.sessions(market, first, action.date - DAY):
        raise AdjustmentError(
            f"The {series.interval} bar of {series.symbol} at {first} has a {action} in its "
            f"middle, on {action.date}: run on bars of a day, where it comes at an open "
            "(--interval 1d)."
        )
