"""The rules of a fill, each by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from quant_team_backtest import fills
from quant_team_backtest.engine import Assumptions

from .accounts import make

RATES = fills.Rates(buy=1.02, sell=0.98, buy_costs=0.01, sell_costs=0.03)


def test_slippage_is_against_the_trader() -> None:
    """A buy pays 2% more than the bar's price, a sale gets 2% less. [costs]"""
    assert RATES.slipped(5) == 1.02
    assert RATES.slipped(-5) == 0.98
    assert RATES.slipped_of_many(np.array([5.0, -5])).tolist() == [1.02, 0.98]


def test_commission_and_duty_are_fractions_of_the_notional() -> None:
    """Each side has its own duty, the commission is the same: 1% + 0.5%, 1% + 2%. [costs] [duty]"""
    bars = make([100.0], buy_duty=0.005, sell_duty=0.02)
    assumptions = Assumptions(commission=0.01, slippage=0.02)
    rates = fills.Rates.of(bars, assumptions)
    assert rates == pytest.approx((1.02, 0.98, 0.015, 0.03))
    assert rates.charged(5) == pytest.approx(0.015)
    assert rates.charged(-5) == pytest.approx(0.03)
    assert rates.charged_of_many(np.array([5.0, -5])) == pytest.approx([0.015, 0.03])


def test_what_a_fill_takes_from_the_cash() -> None:
    """5 at 102 and 1% of it are 515.10; 5 sold at 98 less 3% bring 475.30. [costs]"""
    assert RATES.cost(5, 100.0) == pytest.approx(515.1)
    assert RATES.cost(-5, 100.0) == pytest.approx(-475.3)
    assert RATES.sale_to_purchase == pytest.approx(475.3 / 515.1)


def test_what_a_unit_costs() -> None:
    """Long: 1.02 and 1% of it. Short: 0.98, and 3% of that is paid, not got. [costs]"""
    assert RATES.unit(1.0) == pytest.approx(1.0302)
    assert RATES.unit(-1.0) == pytest.approx(1.0094)
    assert RATES.short_to_long == pytest.approx(1.0094 / 1.0302)


CASES = [
    # amount, held, lot, quantity; a unit costs 103
    (1000, 0, 1, 9),  # 9.7
    (-1000, 0, 1, -9),  # -9.7, toward zero
    (1000, 0, 0, 1000 / 103),
    (50, 0, 1, 0),
    (-50, 0, 1, 0),
    (0, 7, 100, -7),  # an odd lot is left whole
    (0, -7, 100, 7),  # and covered whole
    (0, 7.5, 1, -7.5),
    (1000, 4, 1, 5),
    (1000, 4.5, 1, 4),  # 9 - 4.5 buys whole shares only
    (500, 9.5, 1, -5.5),  # to 4
    (30_000, 50, 100, 100),  # to 200: 150 wanted, one lot bought
    (10_000, 50, 100, -50),  # to 0: 97 are less than a lot
    (-20_000, 50, 100, -150),  # to -100
    (-10_400, -250, 100, 100),  # to -100: 150 wanted, one lot bought
]


@pytest.mark.parametrize(("amount", "held", "lot", "quantity"), CASES)
def test_money_becomes_a_quantity(
    amount: float,
    held: float,
    lot: float,
    quantity: float,
) -> None:
    """Positions and purchases round toward zero to whole lots, each in its comment. [lots]"""
    assert fills.wanted(amount, 103.0, held, lot) == pytest.approx(quantity)


def test_arrays_do_the_same() -> None:
    """What one order asks for, it asks for among others. [lots]"""
    amounts, held, lots, expected = np.array(CASES, dtype=float).T
    unit = np.full(len(CASES), 103.0)
    assert fills.wanted_of_many(amounts, unit, held, lots) == pytest.approx(expected)


@pytest.mark.parametrize("lot", [0.0, 1.0, 100.0])
def test_one_lot_for_all_is_the_same(lot: float) -> None:
    """Positions of whole lots need no look at what is odd. [lots]"""
    amounts = np.array([1e3, -1e3, 5e4, -5e4, 0, 0])
    held = np.array([0, 0, 100.0, 300, 200, -100])
    unit = np.full(6, 103.0)
    expected = []
    for amount, before in zip(amounts.tolist(), held.tolist(), strict=True):
        expected.append(fills.wanted(amount, 103.0, before, lot))
    assert fills.wanted_of_many(amounts, unit, held, lot).tolist() == expected


def test_the_last_bit_costs_no_share() -> None:
    """0.3 buys three shares at 0.1, though the division gives a little less. [lots]"""
    assert 0.3 / 0.1 < 3
    assert fills.wanted(0.3, 0.1, 0.0, 1.0) == 3
    assert fills.wanted(-0.3, 0.1, 0.0, 1.0) == -3
    amounts = np.array([0.3, -0.3])
    found = fills.wanted_of_many(amounts, np.full(2, 0.1), np.zeros(2), 1.0)
    assert found.tolist() == [3, -3]


@pytest.mark.parametrize(
    ("quantity", "cap", "lot", "filled"),
    [
        (10, 4, 1, 4),
        (-10, 4, 1, -4),
        (-3, math.inf, 1, -3),
        (10, 4.7, 1, 4),
        (10, 4.7, 0, 4.7),
        (10, 0.3, 1, 1),
        (0.5, 0.3, 1, 0.5),
        (-0.5, 0.3, 1, -0.5),
        (500, 250, 100, 200),
        (-550, 30, 100, -100),
        (-50, 30, 100, -50),
        (4, 4, 1, 4),
    ],
)
def test_a_cap_holds_in_both_directions(
    quantity: float,
    cap: float,
    lot: float,
    filled: float,
) -> None:
    """What is above it is cut to whole lots, but one lot always fills. [cap]"""
    assert fills.capped(quantity, cap, lot) == pytest.approx(filled)


def test_purchases_are_cut_by_one_factor() -> None:
    """750 for what costs 1,000 and 500: half of each, in whole lots where there are. [debit]"""
    kept = fills.affordable([10, 5, 5], [1000, 250, 250], [1, 0, 1], 750.0)
    assert kept == [5, 2.5, 2]
    assert fills.affordable([300], [3000], [100], 2999.0) == [200]
    assert fills.affordable([300, 1.5], [3000, 15], [100, 0], 0.0) == [0, 0]
