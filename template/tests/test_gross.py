"""What the positions may be worth together, what the cash pays for, and interest on a debit."""

from __future__ import annotations

import numpy as np
import pytest

from quant_team_backtest.engine import Bars, Flow

from .accounts import DAY, make, on_days, quantities, run, run_all

FLAT = [100.0] * 4


def test_an_account_has_no_debit_by_default() -> None:
    """Twice the equity is decided, once is bought: ten shares at 100, counted. [gross]"""
    done = run(make(FLAT), [2] * 4)
    assert done.positions == {"X": 10}
    assert done.counts["scaled"] == 1
    assert done.warnings == [
        "At 1 close more was decided than `max_gross` allows, and was scaled down."
    ]


def test_what_is_decided_at_one_close_is_scaled_by_one_factor() -> None:
    """0.8, 0.4 and -0.4 are 1.6 of 1,000: each is divided by 1.6. [gross]"""
    bars = {"X": make(FLAT), "Y": make(FLAT), "Z": make(FLAT)}
    weights = {"X": [0.8] * 4, "Y": [0.4] * 4, "Z": [-0.4] * 4}
    done = run_all(bars, weights)
    assert quantities(done) == [5, 2, -2]  # 5, 2.5 and -2.5
    assert done.counts["scaled"] == 1


def test_many_symbols_are_scaled_once() -> None:
    """Ten with 0.2 each are 2.0 of 10,000: each gets 1,000, ten shares at 100. [gross]"""
    bars = {}
    weights = {}
    for i in range(10):
        bars[f"S{i}"] = make(FLAT)
        weights[f"S{i}"] = [0.2] * 4
    done = run_all(bars, weights, initial_capital=10_000.0)
    assert quantities(done) == [10] * 10
    assert done.counts["scaled"] == 1


def test_what_is_held_takes_its_part_first() -> None:
    """X is five shares worth 200 each at the close: 500 of 1,500 is left, not half. [gross]"""
    bars = {"X": make([100, 100, 200, 200], [100, 200, 200, 200]), "Y": make(FLAT)}
    done = run_all(bars, {"X": [0.5] * 4, "Y": [0, 0.5, 0.5, 0.5]})
    assert on_days(done) == [(1, 5), (2, 5)]


def test_a_short_position_takes_its_part_too() -> None:
    """X is five shares short, worth 500: of 0.8 of 1,000, 500 is left for Y. [gross]"""
    bars = {"X": make(FLAT), "Y": make(FLAT)}
    done = run_all(bars, {"X": [-0.5] * 4, "Y": [0, 0.8, 0.8, 0.8]})
    assert on_days(done) == [(1, -5), (2, 5)]


@pytest.mark.parametrize(("weight", "more"), [(0.6, 1), (0.8, 2)])
def test_what_is_decided_anew_takes_no_part_beside_itself(weight: float, more: int) -> None:
    """Five of X and three of Y: X may be 700 of 1,000, whatever it was before. [gross]"""
    bars = {"X": make(FLAT), "Y": make(FLAT)}
    weights = {"X": [0.5, weight, weight, weight], "Y": [0.3] * 4}
    done = run_all(bars, weights)
    assert on_days(done) == [(1, 5), (1, 3), (2, more)]
    assert done.counts["scaled"] == (1 if weight > 0.7 else 0)


def test_nothing_is_bought_where_nothing_is_left() -> None:
    """X takes all of the equity: the order for Y is for nothing. [gross]"""
    bars = {"X": make(FLAT), "Y": make(FLAT)}
    done = run_all(bars, {"X": [1.0] * 4, "Y": [0, 0.5, 0.5, 0.5]})
    assert done.positions == {"X": 10}
    assert done.counts["scaled"] == done.counts["too_small"] == 1


def test_what_is_sold_makes_room_at_once() -> None:
    """All of X is left for Y at one close: ten of each, nothing scaled or cut. [gross] [debit]"""
    bars = {"X": make(FLAT), "Y": make(FLAT)}
    done = run_all(bars, {"X": [1, 0, 0, 0], "Y": [0, 1, 1, 1]})
    assert sorted(on_days(done)) == [(1, 10), (2, -10), (2, 10)]
    assert done.counts["scaled"] == done.counts["cut"] == 0


def test_half_of_the_equity() -> None:
    """A `max_gross` of 0.5 halves a weight of 1, and a weight of 0.5 is let be. [gross]"""
    assert run(make(FLAT), [1] * 4, max_gross=0.5).positions == {"X": 5}
    done = run(make(FLAT), [0.5] * 4, max_gross=0.5)
    assert done.positions == {"X": 5}
    assert done.counts["scaled"] == 0


def late() -> Bars:
    """Return bars of days 0 and 1, and one 73 days later, a fifth of a year."""
    opened = np.array([0, 1, 74], dtype=np.int64) * DAY
    closed = np.array([1, 74, 147], dtype=np.int64) * DAY
    flat = np.full(3, 100.0)
    return Bars(opened, closed, flat, flat, np.full(3, 1e9))


def test_a_debit_pays_simple_interest_by_calendar_time() -> None:
    """1,000 owed at 10% a year for 73 days is 20, and 40 for twice as long. [debit]

    It is on the debit after the last fill: the 20 bear no interest.
    """
    done = run(late(), [2] * 3, max_gross=2.0, interest_rate=0.1)
    assert done.positions == {"X": 20}
    assert done.equity == pytest.approx([1000, 980, 960])
    assert done.counts["scaled"] == 0
    assert done.warnings == ["The account owed its broker up to 1,000.00, with interest."]


def test_what_is_paid_back_bears_no_more_interest() -> None:
    """Ten of twenty shares are sold after 73 days: the 20 due by then are all. [debit]"""
    done = run(late(), [2, 1, 1], max_gross=2.0, interest_rate=0.1)
    # 980 is decided with: 9 shares, so 11 are sold, and 1,000 - 900 is cash, 20 are owed
    assert quantities(done) == [20, -11]
    assert done.equity == pytest.approx([1000, 980, 980])


@pytest.mark.parametrize("weight", [0.5, -0.5, 1.0])
def test_cash_bears_no_interest(weight: float) -> None:
    """What lies in the account, or came from a short sale, is neither paid for nor pays. [debit]"""
    done = run(late(), [weight] * 3, max_gross=2.0, interest_rate=0.5)
    assert done.equity == pytest.approx([1000] * 3)


def test_a_purchase_is_cut_to_what_a_sale_brings() -> None:
    """X falls to 80 at the open where it is sold: 800 buy eight of Y, not ten. [debit]"""
    bars = {"X": make([100, 100, 80, 80]), "Y": make(FLAT)}
    done = run_all(bars, {"X": [1, 0, 0, 0], "Y": [0, 1, 1, 1]})
    assert sorted(on_days(done)) == [(1, 10), (2, -10), (2, 8)]
    assert done.counts["cut"] == 1
    assert done.equity[-1] == 800


@pytest.mark.parametrize("others", [2, 8])
def test_purchases_at_one_time_are_cut_by_one_factor(others: int) -> None:
    """X brings 800 of 1,000: each purchase is cut to 80% of it, few or many. [debit]"""
    bars = {"X": make([100, 100, 80, 80])}
    weights = {"X": [1.0, 0, 0, 0]}
    for i in range(others):
        bars[f"S{i}"] = make([1.0] * 4)
        weights[f"S{i}"] = [0, 1 / others, 1 / others, 1 / others]
    done = run_all(bars, weights)
    assert quantities(done)[2:] == [800 // others] * others
    assert done.counts["cut"] == others


def test_a_sale_of_the_same_time_need_not_come_first() -> None:
    """The order of the symbols is not that of the cash: Y is bought with what X brings. [debit]"""
    bars = {"Y": make(FLAT), "X": make(FLAT)}
    done = run_all(bars, {"Y": [0, 1, 1, 1], "X": [1, 0, 0, 0]})
    assert done.positions == {"Y": 10}
    assert done.counts["cut"] == 0


def test_what_is_cut_is_not_bought_later() -> None:
    """Four of five Y fit the cap, X's 100 buy one; what Z brings a bar later buys none. [debit]"""
    bars = {
        "X": make([100, 100, 20, 20, 20]),
        "Y": make([100.0] * 5, volume=40.0),
        "Z": make([100.0] * 5),
    }
    weights = {
        "X": [0.5, 0, 0, 0, 0],
        "Y": [0, 0.5, 0.5, 0.5, 0.5],
        "Z": [0.5, 0.5, 0, 0, 0],
    }
    done = run_all(bars, weights, participation=0.1)
    assert done.positions == {"Y": 1}
    assert done.counts["cut"] == 1


def test_what_covers_a_short_is_never_cut() -> None:
    """Five are covered at 200 with 1,000 of 1,500 cash: the other 500 buy five of Y. [debit]

    At the close X was worth 100, so ten shares of Y were decided.
    """
    bars = {"X": make([100, 100, 200, 200], [100, 100, 200, 200]), "Y": make(FLAT)}
    done = run_all(bars, {"X": [-0.5, 0, 0, 0], "Y": [0, 1, 1, 1]})
    assert sorted(on_days(done)) == [(1, -5), (2, 5), (2, 5)]
    assert done.positions == {"Y": 5}
    assert done.equity[-1] == 500


def test_a_cover_that_the_cash_does_not_pay_is_a_debit() -> None:
    """Ten are covered at 210 with 2,000: Y gets nothing, and 100 is owed. [debit] [ruin]"""
    bars = {"X": make([100, 100, 210, 210]), "Y": make(FLAT)}
    weights = {"X": [-1, 0, 0, 0], "Y": [0, 1, 1, 1]}
    done = run_all(bars, weights, interest_rate=0.0)
    assert on_days(done) == [(1, -10), (2, 10)]
    assert done.ruined
    assert done.equity[-1] == pytest.approx(-100)


def test_above_one_nothing_is_cut() -> None:
    """With a `max_gross` above 1 the 200 that X has lost are borrowed. [debit]"""
    bars = {"X": make([100, 100, 80, 80]), "Y": make(FLAT)}
    weights = {"X": [1, 0, 0, 0], "Y": [0, 1, 1, 1]}
    done = run_all(bars, weights, max_gross=1.5, interest_rate=0.0)
    assert done.positions == {"Y": 10}
    assert done.counts["cut"] == 0


def test_a_dividend_pays_for_a_purchase() -> None:
    """Ten shares get 20.00 each at the ex-date: 200 buy two of Y at that open. [debit] [actions]

    Decided at the close of the ex-date: equity 80 * 10 + 200, of which Y gets a fifth.
    """
    bars = {"X": make([100, 100, 80, 80], flows=(Flow(2, 1.0, 20.0),)), "Y": make(FLAT)}
    done = run_all(bars, {"X": [1, 1, 1, 1], "Y": [0, 0, 0.2, 0.2]})
    assert on_days(done) == [(1, 10), (3, 2)]
    assert done.equity[-1] == pytest.approx(1000)
