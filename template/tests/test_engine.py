"""The engine, against cases computed by hand: decisions, fills, costs, and the account."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from quant_team_backtest.engine import Bars, EngineError, Prepared, simulate

from .accounts import DAY, FREE, make, quantities, run, run_all


def test_a_round_trip_by_hand() -> None:
    """Decide at the close of bars 0 and 2, fill at the opens of bars 1 and 3. [decide] [costs]"""
    bars = make([100, 100, 110, 120, 130], [100, 105, 110, 120, 130])
    done = run(bars, [1, 1, 0, 0, 0], commission=0.01, slippage=0.02)
    # 1000 / (100 * 1.02 * 1.01) = 9.7 -> 9 shares; paid 9 * 102 = 918, commission 9.18, cash 72.82
    # sold at 120 * 0.98 = 117.6: 1058.4, commission 10.584; cash 1120.636
    assert [(fill.time, fill.quantity, fill.price) for fill in done.fills] == [
        (DAY, 9, 102),
        (3 * DAY, -9, pytest.approx(117.6)),
    ]
    equity = [1000, 72.82 + 9 * 105, 72.82 + 9 * 110, 1120.636, 1120.636]
    assert done.equity == pytest.approx(equity)
    assert [trade.pnl for trade in done.trades] == [pytest.approx(120.636)]


def test_next_close_fills_at_the_close_of_the_bar_after() -> None:
    """A decision on bar 0 fills at the close of bar 1, which its equity shows already. [fill]"""
    bars = make([100, 90, 80], [100, 125, 100])
    done = run(bars, [1, 1, 1], fill="next_close", slippage=0.25)
    assert [(fill.time, fill.quantity, fill.price) for fill in done.fills] == [(2 * DAY, 6, 156.25)]
    assert done.equity == pytest.approx([1000, 1000 - 6 * 31.25, 1000 - 6 * 56.25])


@pytest.mark.parametrize("fill", ["next_open", "next_close"])
def test_the_deciding_bar_never_fills(fill: str) -> None:
    """A decision on the last bar waits, is counted, and a warning says so. [fill] [wait]"""
    done = run(make([100, 100], [100, 200]), [0, 1], fill=fill)
    assert not done.fills
    assert done.counts["waiting"] == 1
    assert "waiting at the end" in done.warnings[0]


def test_a_held_target_is_left_to_drift() -> None:
    """The same target again makes no order, nor does NaN: one fill, whatever the price. [decide]"""
    done = run(make([100, 100, 50, 200, 70]), [0.5, 0.5, math.nan, 0.5, 0.5])
    assert len(done.fills) == done.counts["orders"] == 1


def test_a_changed_target_trades_the_difference() -> None:
    """From 0.5 to 1.0 buys the other half; to 0 sells all, and the whole is one trade. [trade]"""
    done = run(make([100.0] * 4), [0.5, 1, 0, 0])
    assert quantities(done) == [5, 5, -10]
    (trade,) = done.trades
    assert (trade.quantity, trade.entry, trade.exit, trade.pnl) == (10, 100, 100, 0)


def test_crossing_zero_ends_one_trade_and_begins_the_next() -> None:
    """From long to short is one fill and two trades, the second open and only marked. [trade]"""
    done = run(make([100, 100, 120, 120], [100, 100, 120, 90]), [1, -1, -1, -1])
    # 10 shares at 100; decided at the close of bar 1 on equity 1000; at 120 to -8 shares
    assert quantities(done) == [10, -18]
    assert [(trade.quantity, trade.pnl) for trade in done.trades] == [(10, 200)]
    assert done.positions == {"X": -8}
    assert done.equity[-1] == pytest.approx(1200 + 8 * 30)


def test_shorts_pay_to_borrow_by_calendar_time() -> None:
    """Ten short at 100 for 73 days at 50 percent a year pay 100: a fifth of a year. [costs]"""
    opened = np.array([0, 1, 74], dtype=np.int64) * DAY
    flat = np.full(3, 100.0)
    closed = np.append(opened[1:], 75 * DAY)
    done = run(Bars(opened, closed, flat, flat, np.full(3, 1e9)), [-1, 0, 0], borrow_rate=0.5)
    assert done.equity == pytest.approx([1000, 900, 900])
    assert [trade.pnl for trade in done.trades] == [pytest.approx(-100)]


def test_fractions_trade_where_the_market_has_them() -> None:
    """Whole shares round toward zero, fractions do not; less than a share is counted. [lots]"""
    assert run(make([300.0] * 3), [1, 1, 1]).positions == {"X": 3}
    fractional = run(make([300.0] * 3, fractional=True), [1, 1, 1])
    assert fractional.positions == {"X": pytest.approx(1000 / 300)}
    assert run(make([3000.0] * 3), [1, 1, 1]).counts["too_small"] == 1


def test_calendars_may_differ() -> None:
    """A symbol that trades every day and one that does not share an account. [account]"""
    sparse = Bars(
        opened=np.array([0, 3], dtype=np.int64) * DAY,
        closed=np.array([1, 4], dtype=np.int64) * DAY,
        open=np.array([50.0, 60.0]),
        close=np.array([50.0, 70.0]),
        volume=np.full(2, 1e9),
    )
    weights = {"D": [0.5, 0.5, 0.5, 0.5], "S": [0.5, 0.5]}
    done = run_all({"D": make([100.0] * 4), "S": sparse}, weights)
    assert [(fill.symbol, fill.time // DAY, fill.quantity) for fill in done.fills] == [
        ("D", 1, 5),
        ("S", 3, 8),
    ]
    assert list(done.time // DAY) == [1, 2, 3, 4]
    assert done.equity == pytest.approx([1000, 1000, 1000, 1080])


def test_whole_capital_is_not_whole_money() -> None:
    """A capital of 10 gives to the cent what one of 10.0 does. [money]"""
    bars = make([3.0, 3.0, 2.9, 2.7, 1.9, 1.2], fractional=True)
    whole = run(bars, [1, 1, 1, 1, 1, 1], initial_capital=10)
    exact = run(bars, [1, 1, 1, 1, 1, 1], initial_capital=10.0)
    assert whole.equity.dtype == np.float64
    assert whole.equity.tolist() == exact.equity.tolist()
    assert whole.equity[-1] == pytest.approx(4.0)
    assert whole.equity[2] == pytest.approx(10 * 2.9 / 3)


def test_many_symbols_are_filled_as_one_is() -> None:
    """Eight symbols with an eighth of 8,000 each: as eight accounts of 1,000. [account] [costs]

    The prices are 100, 110 ... 170 at each open and 10 more at each close. With slippage of 2%
    and commission of 1% a unit costs 1.0302 times its price: 1000 / 103.02 is 9 shares. The last
    is sold short, at 0.98 * 1.01 = 0.9898 of its price: 1000 / 168.27 is 5 shares.
    """
    bars = {}
    weights = {}
    prices = [100.0 + 10 * i for i in range(8)]
    for i, price in enumerate(prices):
        bars[f"S{i}"] = make([price] * 3, [price + 10] * 3)
        weights[f"S{i}"] = [0.125] * 3
    weights["S7"] = [-0.125] * 3
    costs: dict[str, Any] = {"commission": 0.01, "slippage": 0.02}
    done = run_all(bars, weights, initial_capital=8000.0, **costs)
    assert quantities(done) == [9, 8, 8, 7, 6, 6, 6, -5]
    change = 0.0
    for quantity, price in zip(quantities(done), prices, strict=True):
        filled = price * (1.02 if quantity > 0 else 0.98)
        commission = 0.01 * abs(quantity) * filled
        change += quantity * (price + 10 - filled) - commission
    assert done.equity[-1] == pytest.approx(8000 + change)
    alone = run(bars["S0"], [1.0] * 3, **costs)
    assert quantities(alone) == [9]


def test_the_next_purchase_has_what_the_sale_brought() -> None:
    """A unit bought costs 102 * 1.01 = 103.02, one sold brings 98 * 0.99 = 97.02. [costs]"""
    bars = make([100.0] * 4, fractional=True)
    done = run(bars, [1, 0, 1, 1], commission=0.01, slippage=0.02)
    bought = 1000 / 103.02
    again = bought * 97.02 / 103.02
    assert quantities(done) == pytest.approx([bought, -bought, again])


def test_money_at_the_next_close_is_that_of_the_decision() -> None:
    """Two closes, each decides: at 50% of 1,000 and of 1,250, of what was known then. [decide]

    Decided at 100 for 500: filled at the close of bar 1, at 50, as 10 shares. Decided there for
    60% of 1,000: filled at the close of bar 2, at 75, to 600 / 75 = 8 shares.
    """
    bars = make([100.0, 100, 60, 75], [100, 50, 75, 75])
    done = run(bars, [0.5, 0.6, 0.6, 0.6], fill="next_close")
    assert quantities(done) == [10, -2]
    assert done.equity == pytest.approx([1000, 1000, 1250, 1250])


def test_a_sweep_shares_its_bars() -> None:
    """Bars that are prepared once give what they give each time. [account]"""
    bars = {"X": make([100.0, 100, 110, 120])}
    prepared = Prepared(bars)
    for weight in (1.0, 0.5, -0.5):
        weights = {"X": np.full(4, weight)}
        shared = simulate(prepared, weights, FREE)
        alone = simulate(bars, weights, FREE)
        assert shared.equity.tolist() == alone.equity.tolist()
        assert list(shared.fills) == list(alone.fills)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"weights": {"X": np.zeros(2)}}, "2 weights for the 3 bars"),
        ({"weights": {}}, "no weights for X"),
        ({"weights": {"X": np.array([0, math.inf, 0])}}, "infinite"),
        ({"bars": {}}, "no symbols"),
        ({"bars": {"X": make([100, -1, 100])}}, "invalid price"),
        ({"bars": {"X": make([100, math.nan, 100])}}, "invalid price"),
        ({"bars": {"X": make([100, 1, 1], volume=[1, math.nan, 1])}}, "invalid price or volume"),
        (
            {"bars": {"X": replace(make([1, 2, 3]), opened=np.array([0, 5, 2], dtype=np.int64))}},
            "time order",
        ),
    ],
)
def test_what_the_engine_refuses(change: dict[str, Any], sentence: str) -> None:
    """Bars and weights that cannot be right are refused in one sentence."""
    bars = change.get("bars", {"X": make([100.0] * 3)})
    weights = change.get("weights", {"X": np.zeros(3)})
    with pytest.raises(EngineError, match=sentence):
        simulate(bars, weights, FREE)
