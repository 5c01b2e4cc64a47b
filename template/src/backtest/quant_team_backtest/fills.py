"""The rules of a fill: what an order asks for, how much of it a bar fills, and at which price.

Pure functions of numbers. Quantities are signed, positive for a buy; rates are fractions per side
(0.001 is 0.1 percent of the notional); money is in the account's currency.
"""

from __future__ import annotations

import math

_ROUNDING = 1e-9  # keeps 100 shares from becoming 99 through the last bit of a division


def fill_price(
    price: float,
    quantity: float,
    slippage: float,
) -> float:
    """Return price * (1 + slippage) for a buy and price * (1 - slippage) for a sale."""
    toward_worse = math.copysign(slippage, quantity)
    return price * (1 + toward_worse)


def commission_of(
    quantity: float,
    price: float,
    commission: float,
) -> float:
    """Return the commission on a fill, in money: a fraction of its notional, never negative."""
    return abs(quantity) * price * commission


def quantity_for(
    amount: float,
    price: float,
    slippage: float,
    commission: float,
    fractional: bool,
) -> float:
    """Return the signed quantity that an amount of money pays for, all costs included.

    Args:
        amount: signed money, negative to sell short.
        price: the bar's price, without slippage.
        slippage: fraction of the price.
        commission: fraction of the notional.
        fractional: keep fractions; otherwise round toward zero to whole units.
    """
    unit = fill_price(price, amount, slippage) * (1 + commission)
    quantity = amount / unit
    if fractional:
        return quantity
    rounding = math.copysign(_ROUNDING, amount)
    return float(math.trunc(quantity + rounding))


def after_split(quantity: float, ratio: float, fractional: bool) -> float:
    """Return the signed quantity that one becomes in a split, without a fraction of a unit.

    Args:
        quantity: old units.
        ratio: new units for one old unit.
        fractional: keep fractions; otherwise round toward zero to whole units.
    """
    exact = quantity * ratio
    if fractional or ratio == 1:
        return exact
    rounding = math.copysign(_ROUNDING, quantity)
    return float(math.trunc(exact + rounding))


def participation_cap(
    volume: float,
    participation: float | None,
    fractional: bool,
) -> float:
    """Return the largest quantity that a bar of this volume may fill; infinite without a cap."""
    if participation is None:
        return math.inf
    cap = participation * volume
    if fractional:
        return cap
    return math.floor(cap + _ROUNDING)


def capped(quantity: float, cap: float) -> float:
    """Return a signed quantity, cut to a cap in either direction."""
    at_least = max(quantity, -cap)
    return min(at_least, cap)
