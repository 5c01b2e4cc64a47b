"""The rules of a board in the engine: lots, next-day selling, stamp duties, price limits."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from quant_team_backtest.engine import Bars, Flow

from .accounts import DAY, make, on_days, quantities, run, run_all

THIRD = DAY // 3  # of a day: three bars a date


def test_purchases_are_of_whole_lots() -> None:
    """10,000 at 9.00 are 1,111 shares: eleven lots of 100, 9,900, and 100 of cash. [lots]"""
    done = run(make([9.0] * 4, lot=100), [1] * 4, initial_capital=10_000.0)
    assert done.positions == {"X": 1100}
    assert done.equity.tolist() == [10_000] * 4


def test_less_than_a_lot_is_no_fill() -> None:
    """1,000 at 11.00 are 90 shares: no lot, counted. [lots]"""
    done = run(make([11.0] * 4, lot=100), [1] * 4)
    assert not done.fills
    assert done.counts["too_small"] == 1
    assert done.warnings == ["1 order was for less than one lot and changed nothing."]


def test_an_odd_lot_is_sold_whole() -> None:
    """100 shares at 3:2 are 150: all of them are sold, and to 100 of them are 50. [lots]"""
    bars = make([10.0, 10, 10, 10], lot=100, flows=(Flow(2, 1.5),))
    assert quantities(run(bars, [1, 1, 0, 0])) == [100, -150]
    assert quantities(run(bars, [1, 1, 0.7, 0.7])) == [100, -50]


def test_what_is_bought_beside_an_odd_lot_is_a_lot() -> None:
    """150 shares, and money for 300: 200 would be too many, 100 are bought. [lots]"""
    bars = make([10.0, 10, 10, 10, 10], lot=100, flows=(Flow(2, 1.5),))
    done = run(bars, [0.1, 0.1, 0.31, 0.31, 0.31], initial_capital=10_000.0)
    assert quantities(done) == [100, 100]


def test_many_symbols_have_lots_of_their_own() -> None:
    """1,000 each at 9.00: 111 shares, 100 in lots, or 111.1 with fractions. [lots]"""
    bars = {}
    for i in range(9):
        lot = 100 if i % 3 == 1 else 1
        bars[f"S{i}"] = make([9.0] * 3, lot=lot, fractional=i % 3 == 2)
    weights = {symbol: [1 / 9] * 3 for symbol in bars}
    done = run_all(bars, weights, initial_capital=9000.0)
    expected = [111, 100, pytest.approx(1000 / 9)]
    assert quantities(done) == expected * 3


def test_what_was_bought_today_is_sold_tomorrow() -> None:
    """Bought in the second of three bars a date; the third cannot sell, the fourth can. [settle]"""
    bars = make([100.0] * 6, length=THIRD, same_day_sale=False)
    done = run(bars, [1, 0, 0, 0, 0, 0])
    assert [fill.time // THIRD for fill in done.fills] == [1, 3]
    assert done.counts["delayed"] == 1
    free = run(make([100.0] * 6, length=THIRD), [1, 0, 0, 0, 0, 0])
    assert [fill.time // THIRD for fill in free.fills] == [1, 2]


def test_what_was_held_before_may_be_sold_today() -> None:
    """Five of yesterday and five of today: five are sold at once, five tomorrow. [settle]

    Bar 4 (the second of its date) buys five more, bar 5 sells what it may, bar 6 the rest.
    """
    bars = make([100.0] * 8, length=THIRD, same_day_sale=False)
    done = run(bars, [0.5, 0.5, 0.5, 1, 0, 0, 0, 0])
    bars_of_fills = [fill.time // THIRD for fill in done.fills]
    assert bars_of_fills == [1, 4, 5, 6]
    assert quantities(done) == [5, 5, -5, -5]


def test_purchases_of_one_date_add_up() -> None:
    """Two and three shares of one date: none of the five is sold on it. [settle]"""
    bars = make([100.0] * 8, length=DAY // 4, same_day_sale=False)
    done = run(bars, [0.2, 0.5, 0, 0, 0, 0, 0, 0])
    assert [(fill.time // (DAY // 4), fill.quantity) for fill in done.fills] == [
        (1, 2),
        (2, 3),
        (4, -5),
    ]


def test_daily_bars_sell_the_next_day_anyway() -> None:
    """Bought at one open and sold at the next: no rule is broken, nothing waits. [settle]"""
    done = run(make([100.0] * 4, same_day_sale=False), [1, 0, 0, 0])
    assert on_days(done) == [(1, 10), (2, -10)]
    assert done.counts["delayed"] == 0


def test_hong_kong_pays_stamp_duty_on_both_sides() -> None:
    """0.1% each way beside a commission of 1%: 1000 / (100 * 1.011) is 9. [duty]

    Bought 900 and 9.90, sold at 110 for 990 less 10.89.
    """
    bars = make([100, 100, 110, 110], buy_duty=0.001, sell_duty=0.001)
    done = run(bars, [1, 0, 0, 0], commission=0.01)
    assert [fill.commission for fill in done.fills] == pytest.approx([9.9, 10.89])
    assert done.equity[-1] == pytest.approx(1000 - 909.9 + 990 - 10.89)


def test_china_pays_stamp_duty_on_sales() -> None:
    """Ten bought for 1,000 without a duty, sold for 1,000 less 0.05%. [duty]"""
    done = run(make([100.0] * 4, sell_duty=0.0005), [1, 0, 0, 0])
    assert quantities(done) == [10, -10]
    assert [fill.commission for fill in done.fills] == pytest.approx([0, 0.5])
    (trade,) = done.trades
    assert trade.pnl == pytest.approx(-0.5)


def test_many_symbols_pay_duties_of_their_own() -> None:
    """Every other of eight pays 10% when it buys: 9 of 1,000 at 100 instead of 10. [duty]"""
    bars = {}
    for i in range(8):
        bars[f"S{i}"] = make([100.0] * 3, buy_duty=0.1 * (i % 2))
    weights = {symbol: [0.125] * 3 for symbol in bars}
    done = run_all(bars, weights, initial_capital=8000.0)
    assert quantities(done) == [10, 9] * 4
    assert done.equity[-1] == pytest.approx(8000 - 4 * 90)


def limited(side: str, *closed: int) -> Bars:
    """Return bars on some of which one side does not trade."""
    trades = np.ones(6, dtype=bool)
    trades[list(closed)] = False
    changes: dict[str, Any] = {side: trades}
    return make([100.0] * 6, **changes)


def test_nothing_is_bought_at_the_upper_limit() -> None:
    """Bars 1 and 2 are locked: bought at the open of bar 3, if it waits so long. [limit] [wait]"""
    assert on_days(run(limited("can_buy", 1, 2), [1] * 6)) == [(3, 10)]
    expired = run(limited("can_buy", 1, 2), [1] * 6, expire_after=2)
    assert not expired.fills
    assert expired.counts["expired"] == 1


def test_nothing_is_sold_at_the_lower_limit() -> None:
    """Bars 2 to 4 are locked: sold at the open of bar 5, however short it may wait. [limit]"""
    bars = limited("can_sell", 2, 3, 4)
    done = run(bars, [1, 0, 0, 0, 0, 0], expire_after=1)
    assert on_days(done) == [(1, 10), (5, -10)]


def test_the_other_side_of_a_limit_trades() -> None:
    """At the upper limit one can sell, at the lower one can buy. [limit]"""
    every = (1, 2, 3, 4, 5)
    sold = run(limited("can_buy", *every[1:]), [1, 0, 0, 0, 0, 0])
    assert on_days(sold) == [(1, 10), (2, -10)]
    bought = run(limited("can_sell", *every), [1] * 6)
    assert on_days(bought) == [(1, 10)]


def test_a_limit_of_one_symbol_leaves_the_others_alone() -> None:
    """Of eight symbols S3 is locked at bar 1 and bought at bar 2. [limit]"""
    bars = {f"S{i}": make([100.0] * 6) for i in range(8)}
    bars["S3"] = limited("can_buy", 1)
    weights = {symbol: [0.125] * 6 for symbol in bars}
    done = run_all(bars, weights, initial_capital=8000.0)
    late = [fill.symbol for fill in done.fills if fill.time == 2 * DAY]
    assert late == ["S3"]
    assert len(done.fills) == 8
