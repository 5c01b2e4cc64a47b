"""The rules of a fill, each by hand."""

from __future__ import annotations

import math

import pytest

from quant_team_backtest import fills


def test_slippage_is_against_the_trader() -> None:
    """A buy pays more than the bar's price, a sale gets less. [costs]"""
    assert fills.fill_price(100.0, 5, 0.02) == 102
    assert fills.fill_price(100.0, -5, 0.02) == 98


def test_commission_is_never_negative() -> None:
    """It is a fraction of the notional, whichever way the fill goes. [costs]"""
    assert fills.commission_of(5, 100.0, 0.01) == 5
    assert fills.commission_of(-5, 100.0, 0.01) == 5


@pytest.mark.parametrize(
    ("amount", "fractional", "quantity"),
    [
        (1000, False, 9),
        (-1000, False, -10),
        (1000, True, 1000 / 103.02),
        (0, False, 0),
        (50, False, 0),
    ],
)
def test_money_becomes_a_quantity(amount: float, fractional: bool, quantity: float) -> None:
    """Costs are in the price of a unit, and whole units round toward zero. [lots]"""
    found = fills.quantity_for(amount, 100.0, 0.02, 0.01, fractional)
    assert found == pytest.approx(quantity)


def test_the_last_bit_costs_no_share() -> None:
    """0.3 buys three shares at 0.1, though the division gives a little less. [lots]"""
    assert fills.quantity_for(0.3, 0.1, 0.0, 0.0, False) == 3
    assert fills.quantity_for(-0.3, 0.1, 0.0, 0.0, False) == -3


def test_a_cap_is_a_fraction_of_the_volume() -> None:
    """It is whole where shares are, and infinite where there is none. [cap]"""
    assert fills.participation_cap(39, 0.1, False) == 3
    assert fills.participation_cap(39, 0.1, True) == pytest.approx(3.9)
    assert fills.participation_cap(39, None, False) == math.inf


def test_a_cap_holds_in_both_directions() -> None:
    """What is above it, bought or sold, is cut. [cap]"""
    assert fills.capped(10, 4) == 4
    assert fills.capped(-10, 4) == -4
    assert fills.capped(-3, math.inf) == -3
