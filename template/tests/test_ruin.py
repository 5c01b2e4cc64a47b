"""Ruin: equity at or below zero at a close ends the run, and closes what is open."""

from __future__ import annotations

import pytest

from quant_team_backtest.engine import Flow

from .accounts import DAY, make, on_days, run, run_all


def test_ruin_stops_the_run() -> None:
    """Ten sold short at 100 are 3,000 at 300: of 2,000 of cash, -1,000 is left. [ruin]"""
    done = run(make([100, 100, 300, 10]), [-1, -1, -1, 0])
    assert done.ruined
    assert done.equity == pytest.approx([1000, 1000, -1000])
    assert done.time.tolist() == [DAY, 2 * DAY, 3 * DAY]
    assert done.warnings[0] == "Ruin: equity fell to zero or below, and the run ended there."


def test_ruin_closes_trades_at_the_mark() -> None:
    """The loss of 2,000 is that of a trade, without costs at the end; nothing is open. [ruin]

    1000 / (0.98 * 100 * 1.01) is 10 short at 98, with a commission of 9.80.
    """
    done = run(make([100, 100, 300, 10]), [-1, -1, -1, 0], slippage=0.02, commission=0.01)
    (trade,) = done.trades
    assert (trade.quantity, trade.entry, trade.exit) == (-10, 98, 300)
    assert (trade.opened, trade.closed) == (DAY, 3 * DAY)
    assert trade.pnl == pytest.approx(980 - 3000 - 9.8)
    assert trade.pnl == pytest.approx(done.equity[-1] - 1000)
    assert not done.open
    assert not done.positions
    assert len(done.fills) == done.counts["fills"] == 1


@pytest.mark.parametrize(("price", "is_ruin"), [(199, False), (200, True), (201, True)])
def test_zero_is_ruin(price: float, is_ruin: bool) -> None:
    """Ten short with 2,000 of cash: at 200 nothing is left, at 199 ten are. [ruin]"""
    done = run(make([100, 100, price, price]), [-1] * 4)
    assert done.ruined is is_ruin
    assert len(done.equity) == (3 if is_ruin else 4)


def test_a_fall_within_a_bar_is_not_ruin() -> None:
    """At the open of bar 2 equity is -1,000, at its close 1,000 again. [ruin]"""
    done = run(make([100, 100, 300, 100], [100, 100, 100, 100]), [-1] * 4)
    assert not done.ruined
    assert done.equity.tolist() == [1000] * 4


def test_ruin_closes_the_trades_of_all_symbols() -> None:
    """X loses 1,500 and Y gains 100; both end at that close. [ruin] [account]"""
    bars = {"X": make([100, 100, 400, 1]), "Y": make([100, 100, 120, 1])}
    done = run_all(bars, {"X": [-0.5] * 4, "Y": [0.5] * 4})
    profits = {trade.symbol: trade.pnl for trade in done.trades}
    assert profits == {"X": -1500, "Y": 100}
    assert done.equity[-1] == -400
    assert {trade.closed for trade in done.trades} == {3 * DAY}


def test_nothing_happens_after_ruin() -> None:
    """An order that waits, and what is decided later, fill nothing. [ruin]"""
    bars = {"X": make([100, 100, 300, 10, 10]), "Y": make([100.0] * 5, volume=[1, 0, 0, 1, 1])}
    done = run_all(bars, {"X": [-0.8, -0.8, -0.8, 0, 0], "Y": [0.2] * 5})
    assert done.ruined
    assert on_days(done) == [(1, -8)]
    assert len(done.equity) == 3


def test_ruin_between_decisions_is_seen() -> None:
    """Nothing is decided after the first bar; 300 at bar 2 is ruin, 50 at bar 3 too late. [ruin]"""
    done = run(make([100, 100, 300, 50, 50]), [-1, -1, -1, -1, 0.5])
    assert done.equity.tolist() == [1000, 1000, -1000]
    assert on_days(done) == [(1, -10)]


def test_a_dividend_after_ruin_is_none() -> None:
    """What would be paid at the next open is not. [ruin] [actions]"""
    bars = make([100, 100, 300, 10], flows=(Flow(3, 1.0, 1.0),))
    done = run(bars, [-1] * 4)
    assert done.ruined
    assert not done.applied
