"""Bars on one axis, made once and shared by every run of a sweep.

Splits and dividends are in the coordinates, so that the engine need not know them. A position is
counted in units of before the first split, `scale` raw units to one; its value includes the
dividends that one such unit has been paid so far. A position then changes by fills alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Literal

import numpy as np

from quant_team_backtest import inputs
from quant_team_backtest.assumptions import EngineError
from quant_team_backtest.fills import Indexes
from quant_team_backtest.simulation import Bars, Flags, Floats, Times

YEAR_MS = 365 * 86_400_000
REFERENCE = 20  # bars whose mean volume the participation cap is a fraction of


class Series:
    """The bars of one symbol in the engine's units.

    Attributes:
        bars: as they were given.
        at: index of each close on the axis; None if the axis is the symbol's own.
        has_dividends: some are paid.
    """

    def __init__(self, bars: Bars, axis: Times) -> None:
        """Keep bars that `inputs.check` has let through."""
        self.bars = bars
        self.at: Indexes | None = None
        if len(bars.closed) < len(axis):
            self.at = np.searchsorted(axis, bars.closed)
        self.has_dividends = any(flow.cash for flow in bars.flows)
        self._axis = axis

    @cached_property
    def scale(self) -> Floats | None:
        """Raw units that one unit has become, at each bar; None if nothing is ever split."""
        if all(flow.ratio == 1 for flow in self.bars.flows):
            return None
        ratio = np.ones(len(self.bars.open))
        for flow in self.bars.flows:
            ratio[flow.bar] = flow.ratio
        return np.cumprod(ratio, dtype=np.float64)

    @cached_property
    def paid(self) -> Floats | None:
        """Dividends that one unit has been paid so far, at each bar; None without any."""
        if not self.has_dividends:
            return None
        cash = np.zeros(len(self.bars.open))
        for flow in self.bars.flows:
            before = self.scale_on(flow.bar - 1)  # cash is for an old unit
            cash[flow.bar] = flow.cash * before
        return np.cumsum(cash)

    @cached_property
    def mark(self) -> Floats:
        """What a unit is worth at each moment of the axis, dividends apart; 0 before the first."""
        return self._on_axis(self.closes)

    @cached_property
    def value(self) -> Floats:
        """What a unit is worth at each moment of the axis, with the dividends it has been paid."""
        if self.paid is None:
            return self.mark
        return self.mark + self._on_axis(self.paid)

    @cached_property
    def opens(self) -> Floats:
        """Price of a unit at each open."""
        return self._in_units(self.bars.open)

    @cached_property
    def closes(self) -> Floats:
        """Price of a unit at each close."""
        return self._in_units(self.bars.close)

    @cached_property
    def can_buy(self) -> Flags:
        """The bars that have volume and are not at their upper limit."""
        is_traded = self.bars.volume > 0
        if self.bars.can_buy is None:
            return is_traded
        return is_traded & self.bars.can_buy

    @cached_property
    def can_sell(self) -> Flags:
        """The bars that have volume and are not at their lower limit."""
        is_traded = self.bars.volume > 0
        if self.bars.can_sell is None:
            return is_traded
        return is_traded & self.bars.can_sell

    @cached_property
    def highs(self) -> Floats:
        """Highest price of a unit in each bar."""
        high = self.bars.high
        if high is None:
            high = np.maximum(self.bars.open, self.bars.close)
        return self._in_units(high)

    @cached_property
    def lows(self) -> Floats:
        """Lowest price of a unit in each bar."""
        low = self.bars.low
        if low is None:
            low = np.minimum(self.bars.open, self.bars.close)
        return self._in_units(low)

    @cached_property
    def borrowed(self) -> Floats:
        """The mark integrated over time up to each moment of the axis, in money times years."""
        years = np.diff(self._axis) / YEAR_MS
        money = self.mark[:-1] * years
        owed = np.cumsum(money)
        return np.append(0.0, owed)

    @cached_property
    def traded(self) -> Floats:
        """Volume before each bar, in units; one value more than there are bars."""
        volume = self.bars.volume
        units = volume if self.scale is None else volume / self.scale
        so_far = np.cumsum(units)
        return np.append(0.0, so_far)

    def borrowed_until(self, times: Times) -> Floats:
        """Return `borrowed` at any times."""
        following = np.searchsorted(self._axis, times, side="right")
        before = following - 1
        years = (times - self._axis[before]) / YEAR_MS
        owed = self.borrowed[before] + self.mark[before] * years
        return np.where(before >= 0, owed, 0.0)

    def scale_at(self, bar: Indexes) -> Floats:
        """Return the raw units that one unit has become at some bars."""
        if self.scale is None:
            return np.ones(len(bar))
        return self.scale[bar]

    def scale_on(self, bar: int) -> float:
        """Return the raw units that one unit has become at a bar."""
        return 1.0 if self.scale is None else self.scale.item(bar)

    def lot_at(self, bar: Indexes) -> Floats:
        """Return what purchases are a multiple of at some bars, in units; 0 for fractions."""
        return self.lot / self.scale_at(bar)

    @property
    def lot(self) -> float:
        """What purchases are a multiple of, in raw units; 0 for fractions."""
        if self.bars.fractional:
            return 0.0
        return float(self.bars.lot)

    def paid_on(self, bar: Indexes) -> Floats:
        """Return the dividends that one unit has been paid at some bars."""
        if self.paid is None:
            return np.zeros(len(bar))
        return self.paid[bar]

    def paid_at(
        self,
        times: Times,
        *,
        at_open: bool,
    ) -> Floats:
        """Return the dividends that a unit has been paid by some times, in money.

        Args:
            times: milliseconds since 1970, UTC.
            at_open: those of a bar that opens at such a time count.
        """
        side: Literal["left", "right"] = "right" if at_open else "left"
        following = np.searchsorted(self.bars.opened, times, side=side)
        bar = following - 1
        return np.where(bar >= 0, self.paid_on(bar), 0.0)

    def cap_at(
        self,
        bar: Indexes,
        participation: float | None,
    ) -> Floats:
        """Return the most that a bar may fill of what some bars decide, in units.

        That is a fraction of the mean volume of the last `REFERENCE` bars up to each of them.
        """
        if participation is None:
            return np.full(len(bar), np.inf)
        end = bar + 1
        begin = np.maximum(end - REFERENCE, 0)
        volume = self.traded[end] - self.traded[begin]
        return participation * volume / (end - begin)

    def bar_at(self, moment: int) -> int:
        """Return the last bar that has closed at a moment of the axis; -1 for none."""
        if self.at is None:
            return moment
        following = np.searchsorted(self.at, moment, side="right")
        return int(following) - 1

    def _in_units(self, price: Floats) -> Floats:
        return price if self.scale is None else price * self.scale

    def _on_axis(self, column: Floats) -> Floats:
        if self.at is None:
            return column
        moments = np.arange(len(self._axis))
        following = np.searchsorted(self.at, moments, side="right")
        last = following - 1
        return np.where(last >= 0, column[last], 0.0)


class Prepared:
    """The bars of several symbols, checked, on one axis of closes.

    Attributes:
        symbols: their names, in order.
        axis: every close of any symbol, int64 milliseconds since 1970, UTC, each once.
        series: the bars of each symbol.
        is_aligned: all symbols have their bars at the same times.
    """

    def __init__(self, bars: Mapping[str, Bars]) -> None:
        """Check bars and put them on one axis.

        Raises:
            EngineError: there are none, or bars are out of order, or hold what is not a price.
        """
        if not bars:
            raise EngineError("There are no symbols to trade: name at least one.")
        for symbol, one in bars.items():
            inputs.check(symbol, one)
        self.symbols = list(bars)
        given = list(bars.values())
        self.is_aligned = _are_aligned(given)
        self.axis = _axis(given, self.is_aligned)
        self.series = [Series(one, self.axis) for one in given]


# Details


def _are_aligned(bars: list[Bars]) -> bool:
    first = bars[0]
    for other in bars[1:]:
        if not np.array_equal(other.closed, first.closed):
            return False
        if not np.array_equal(other.opened, first.opened):
            return False
    return True


def _axis(bars: list[Bars], is_aligned: bool) -> Times:
    if is_aligned:
        return bars[0].closed
    times = np.concatenate([one.closed for one in bars])
    times.sort()
    later = np.diff(times) > 0
    is_first = np.append(True, later)
    return np.asarray(times[is_first])
