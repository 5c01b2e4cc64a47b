"""How the orders of one symbol fill: on which bars, when, at which price and cost."""

from __future__ import annotations

import math

import numpy as np

from quant_team_backtest.assumptions import NEXT_OPEN, Assumptions
from quant_team_backtest.fills import Rates
from quant_team_backtest.prepared import Prepared, Series

NEVER = math.inf


class Venue:
    """The bars of a symbol as orders meet them.

    Attributes:
        series: the bars.
        at_open: orders fill at opens, not at closes.
        times: when each bar fills, milliseconds since 1970, UTC.
        prices: at which price of a unit, slippage apart.
        rates: what fills cost.
        participation: the largest fraction of the usual volume that a bar fills; None for no cap.
    """

    def __init__(self, series: Series, assumptions: Assumptions) -> None:
        """Read where orders fill, and what they cost."""
        bars = series.bars
        self.series = series
        self.at_open = assumptions.fill == NEXT_OPEN
        self.times = bars.opened if self.at_open else bars.closed
        self.prices = series.opens if self.at_open else series.closes
        self.rates = Rates.of(bars, assumptions)
        self.participation = assumptions.participation

    def time(self, bar: int) -> float:
        """Return when a bar fills, in milliseconds since 1970, UTC; infinite if there is none."""
        if bar == len(self.times):
            return NEVER
        return self.times.item(bar)

    def price(self, bar: int) -> float:
        """Return the price of a unit at which a bar fills, slippage apart."""
        return self.prices.item(bar)

    def lot(self, bar: int) -> float:
        """Return what purchases are a multiple of at a bar, in units; 0 for fractions."""
        one = np.array([bar])
        return self.series.lot_at(one).item()

    def cap(self, bar: int) -> float:
        """Return the most that a bar may fill of what a bar decides, in units."""
        one = np.array([bar])
        return self.series.cap_at(one, self.participation).item()

    def cost(
        self,
        quantity: float,
        bar: int,
    ) -> float:
        """Return what a fill takes from the cash, dividends apart."""
        return self.rates.cost(quantity, self.price(bar))

    def unit(
        self,
        amount: float,
        bar: int,
    ) -> float:
        """Return what a unit of a position costs, all costs included."""
        return self.rates.unit(amount) * self.price(bar)

    def fills(
        self,
        quantity: float,
        bar: int,
    ) -> bool:
        """Tell whether a bar has volume, and is not at the limit of that side."""
        series = self.series
        side = series.can_buy if quantity > 0 else series.can_sell
        return bool(side[bar])


def venues_of(
    prepared: Prepared,
    assumptions: Assumptions,
) -> list[Venue]:
    """Return the venue of each symbol."""
    return [Venue(series, assumptions) for series in prepared.series]
