"""The rules of a fill: what an order asks for, how much of it a bar fills, and at which price.

Pure functions of numbers. Quantities are signed, positive for a buy; rates are fractions per side
(0.001 is 0.1 percent of the notional); money is in the account's currency. A lot is the quantity
that others are multiples of; 0 where fractions can be traded.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from quant_team_backtest.assumptions import Assumptions
from quant_team_backtest.simulation import Bars, Floats

Indexes = NDArray[np.int64]
_ROUNDING = 1e-9  # keeps 100 shares from becoming 99 through the last bit of a division


class Rates(NamedTuple):
    """What fills of a symbol cost.

    Attributes:
        buy: what a purchase pays for each unit of money at the bar's price: slippage.
        sell: what a sale gets for it.
        buy_costs: commission and duty of a purchase, a fraction of its notional.
        sell_costs: the same of a sale.
    """

    buy: float
    sell: float
    buy_costs: float
    sell_costs: float

    @classmethod
    def of(cls, bars: Bars, assumptions: Assumptions) -> Rates:
        """Return the rates of a symbol: a buy at p(1+s), a sale at p(1-s)."""
        return cls(
            buy=1 + assumptions.slippage,
            sell=1 - assumptions.slippage,
            buy_costs=assumptions.commission + bars.buy_duty,
            sell_costs=assumptions.commission + bars.sell_duty,
        )

    def unit(self, amount: float) -> float:
        """Return what a position costs for each unit of money at the bar's price."""
        if amount >= 0:
            return self.buy * (1 + self.buy_costs)
        return self.sell * (1 + self.sell_costs)

    @property
    def short_to_long(self) -> float:
        """What a short unit costs for each unit of money that a long one does."""
        return self.unit(-1.0) / self.unit(1.0)

    @property
    def sale_to_purchase(self) -> float:
        """What a sale gets for each unit of money that a purchase costs."""
        return -self.cost(-1.0, 1.0) / self.cost(1.0, 1.0)

    def cost(self, quantity: float, price: float) -> float:
        """Return what a fill takes from the cash, all costs included; negative for a sale."""
        if quantity > 0:
            return quantity * price * self.buy * (1 + self.buy_costs)
        return quantity * price * self.sell * (1 - self.sell_costs)

    def slipped(self, quantity: float) -> float:
        """Return what a fill pays or gets for each unit of money at the bar's price."""
        return self.buy if quantity > 0 else self.sell

    def charged(self, quantity: float) -> float:
        """Return commission and duty of a fill as a fraction of its notional."""
        return self.buy_costs if quantity > 0 else self.sell_costs

    def slipped_of_many(self, quantity: Floats) -> Floats:
        """Return `slipped` of each."""
        return np.where(quantity > 0, self.buy, self.sell)

    def charged_of_many(self, quantity: Floats) -> Floats:
        """Return `charged` of each."""
        return np.where(quantity > 0, self.buy_costs, self.sell_costs)


def wanted(
    amount: float,
    unit: float,
    held: float,
    lot: float,
) -> float:
    """Return the quantity that takes a position to an amount of money.

    The position is rounded toward zero to whole lots, and so is a purchase. An amount of zero sells
    or covers everything, odd lots included.

    Args:
        amount: signed money, negative for a short position.
        unit: what one unit costs, slippage and costs included.
        held: the position before.
        lot: see the module.
    """
    target = amount / unit
    if not lot:
        return target - held
    target = math.trunc(target / lot + math.copysign(_ROUNDING, target)) * lot
    quantity = target - held
    if quantity > 0 and target:
        return math.floor(quantity / lot + _ROUNDING) * lot
    return quantity


def wanted_of_many(
    amount: Floats,
    unit: Floats,
    held: Floats,
    lot: Floats | float,
) -> Floats:
    """Return `wanted` of each.

    Args:
        amount: see `wanted`.
        unit: see `wanted`.
        held: see `wanted`.
        lot: of each; one number if all are the same, and the positions are multiples of it.
    """
    target = amount / unit
    if isinstance(lot, float):
        return (_whole(target, lot) if lot else target) - held
    is_whole = lot > 0
    size = np.where(is_whole, lot, 1.0)
    rounded = np.where(is_whole, _whole(target, size), target)
    quantity = rounded - held
    bought = np.floor(quantity / size + _ROUNDING) * size
    is_odd = is_whole & (quantity > 0) & (rounded != 0)
    return np.where(is_odd, bought, quantity)


def capped(
    quantity: float,
    cap: float,
    lot: float,
) -> float:
    """Return how much of a quantity a bar fills: at most a cap, in whole lots.

    At least one lot fills, so that no position is stuck because it trades thinly.
    """
    if abs(quantity) <= cap:
        return quantity
    size = cap
    if lot:
        lots = math.floor(cap / lot + _ROUNDING)
        size = min(max(lots, 1) * lot, abs(quantity))
    return math.copysign(size, quantity)


def affordable(
    quantities: Sequence[float],
    costs: Sequence[float],
    lots: Sequence[float],
    cash: float,
) -> list[float]:
    """Return purchases at one time, cut by one factor to what the cash pays for.

    Args:
        quantities: of each purchase.
        costs: what each takes from the cash.
        lots: of each.
        cash: what there is, after the sales at that time; 0 or more.
    """
    factor = cash / sum(costs)
    kept = []
    for quantity, lot in zip(quantities, lots, strict=True):
        size = quantity * factor
        if lot:
            size = math.floor(size / lot + _ROUNDING) * lot
        kept.append(size)
    return kept


# Details


def _whole(target: Floats, lot: Floats | float) -> Floats:
    rounding = np.copysign(_ROUNDING, target)
    return np.trunc(target / lot + rounding) * lot
