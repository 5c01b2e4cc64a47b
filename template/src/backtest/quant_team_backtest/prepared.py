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

    def __init__(
        self,
        bars: Bars,
        axis: Times,
        *,
        is_own_axis: bool,
    ) -> None:
        """Keep bars that `check` has let through."""
        self.bars = bars
        self.at = None if is_own_axis else np.searchsorted(axis, bars.closed)
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
        return np.cumprod(ratio)

    @cached_property
    def paid(self) -> Floats | None:
        """Dividends that one unit has been paid so far, at each bar; None without any."""
        if not self.has_dividends:
            return None
        cash = np.zeros(len(self.bars.open))
        for flow in self.bars.flows:
            before = self.scale_at(np.array([flow.bar - 1])).item()  # cash is for an old unit
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
        return is_traded if self.bars.can_buy is None else is_traded & self.bars.can_buy

    @cached_property
    def can_sell(self) -> Flags:
        """The bars that have volume and are not at their lower limit."""
        is_traded = self.bars.volume > 0
        return is_traded if self.bars.can_sell is None else is_traded & self.bars.can_sell

    @cached_property
    def highs(self) -> Floats:
        """Highest price of a unit in each bar."""
        bars = self.bars
        return self._in_units(np.maximum(bars.open, bars.close) if bars.high is None else bars.high)

    @cached_property
    def lows(self) -> Floats:
        """Lowest price of a unit in each bar."""
        bars = self.bars
        return self._in_units(np.minimum(bars.open, bars.close) if bars.low is None else bars.low)

    @cached_property
    def borrowed(self) -> Floats:
        """The mark integrated over time up to each moment of the axis, in money times years."""
        years = np.diff(self._axis) / YEAR_MS
        owed = np.cumsum(self.mark[:-1] * years)
        return np.concatenate([[0.0], owed])

    @cached_property
    def traded(self) -> Floats:
        """Volume before each bar, in units; one value more than there are bars."""
        volume = self.bars.volume
        units = volume if self.scale is None else volume / self.scale
        return np.concatenate([[0.0], np.cumsum(units)])

    def borrowed_until(self, times: Times) -> Floats:
        """Return `borrowed` at any times."""
        before = np.searchsorted(self._axis, times, side="right") - 1
        years = (times - self._axis[before]) / YEAR_MS
        owed = self.borrowed[before] + self.mark[before] * years
        return np.where(before >= 0, owed, 0.0)

    def scale_at(self, bar: Indexes) -> Floats:
        """Return the raw units that one unit has become at some bars."""
        return np.ones(len(bar)) if self.scale is None else self.scale[bar]

    def lot_at(self, bar: Indexes) -> Floats:
        """Return what purchases are a multiple of at some bars, in units; 0 for fractions."""
        lot = 0.0 if self.bars.fractional else float(self.bars.lot)
        return lot / self.scale_at(bar)

    def paid_on(self, bar: Indexes) -> Floats:
        """Return the dividends that one unit has been paid at some bars."""
        return np.zeros(len(bar)) if self.paid is None else self.paid[bar]

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
        bar = np.searchsorted(self.bars.opened, times, side=side) - 1
        return np.where(bar >= 0, self.paid_on(bar), 0.0)

    def cap_at(self, bar: Indexes, participation: float | None) -> Floats:
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
        return int(np.searchsorted(self.at, moment, side="right")) - 1

    def _in_units(self, price: Floats) -> Floats:
        return price if self.scale is None else price * self.scale

    def _on_axis(self, column: Floats) -> Floats:
        if self.at is None:
            return column
        last = np.searchsorted(self.at, np.arange(len(self._axis)), side="right") - 1
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
        for symbol, given in bars.items():
            inputs.check(symbol, given)
        self.symbols = list(bars)
        self.is_aligned = _are_aligned(list(bars.values()))
        self.axis = _axis(list(bars.values()), self.is_aligned)
        self.series = []
        for given in bars.values():
            own = self.is_aligned or len(given.closed) == len(self.axis)
            self.series.append(Series(given, self.axis, is_own_axis=own))


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
    is_first = np.ones(len(times), dtype=bool)
    is_first[1:] = times[1:] > times[:-1]
    return times[is_first]
