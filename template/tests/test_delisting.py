"""A symbol that is delisted: what is held of it leaves at its last close."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from quant_team_backtest.engine import Exits

from .accounts import DAY, make, on_days, quantities, run_all

COSTS = {"commission": 0.01, "slippage": 0.02}
GONE = make([100, 100, 100], [100, 100, 40], ends=True)
OTHER = make([100.0] * 6)


def both(first: list[float], second: list[float], **changes: Any) -> Any:
    """Simulate the one that is gone after bar 2, and the one that goes on, without costs."""
    bars = {"X": GONE, "Y": OTHER}
    return run_all(bars, {"X": first, "Y": second}, **changes)


def test_what_is_held_leaves_at_the_last_close() -> None:
    """Ten shares at 100 leave at 40 without costs, counted; the money stays. [delist]

    Bought at 102 and 1%: 1000 / 103.02 is 9 shares for 918 and 9.18.
    """
    done = both([1.0] * 3, [0.0] * 6, **COSTS)
    assert quantities(done) == [9, -9]
    last = done.fills[1]
    assert (last.price, last.commission, last.time) == (40, 0, 3 * DAY - 1)
    assert done.counts["delisted"] == 1
    left = 1000 - 918 - 9.18 + 360
    assert done.equity[2:] == pytest.approx([left] * 4)
    (trade,) = done.trades
    assert trade.pnl == pytest.approx(left - 1000)
    assert not done.open


def test_a_short_position_leaves_too() -> None:
    """Ten sold short at 100 are covered at 40. [delist]"""
    done = both([-1.0] * 3, [0.0] * 6)
    assert quantities(done) == [-10, 10]
    assert done.equity[-1] == 1600


def test_bars_that_only_stop_are_held_on() -> None:
    """Without being delisted, ten shares stay at the mark of their last close. [delist] [open]"""
    bars = {"X": make([100, 100, 100], [100, 100, 40]), "Y": OTHER}
    done = run_all(bars, {"X": [1.0] * 3, "Y": [0.0] * 6})
    assert done.positions == {"X": 10}
    assert done.counts["delisted"] == 0
    assert done.equity[2:].tolist() == [400] * 4
    assert (done.open[0].mark, done.open[0].pnl) == (40, -600)


def test_the_money_can_be_used_at_that_close() -> None:
    """400 are left, and decided with at the same close: four of Y. [delist] [decide]"""
    done = both([1.0] * 3, [0, 0, 1, 1, 1, 1])
    assert on_days(done) == [(1, 10), (2, -10), (3, 4)]


def test_an_order_that_waits_is_gone() -> None:
    """A sale that found no volume is no more: the position leaves once. [delist] [wait]"""
    thin = make([100.0] * 4, volume=[1e6, 1e6, 0, 0], ends=True)
    done = run_all({"X": thin, "Y": OTHER}, {"X": [1, 0, 0, 0], "Y": [0.0] * 6})
    assert quantities(done) == [10, -10]
    assert done.counts["delisted"] == 1
    assert done.counts["waiting"] == 0


def test_an_order_of_the_last_bar_waits_for_ever() -> None:
    """Decided on the bar that is the last, it is never filled. [delist] [wait]"""
    done = both([0.0, 0, 1], [0.0] * 6)
    assert not done.fills
    assert done.counts["waiting"] == 1
    assert done.counts["delisted"] == 0


def test_a_fill_at_the_last_close_leaves_nothing_behind() -> None:
    """Sold at the last close: the position has left just before, once. [delist] [fill]"""
    done = both([1.0, 0, 0], [0.0] * 6, fill="next_close")
    assert sum(quantities(done)) == 0
    assert done.equity[-1] == pytest.approx(400)


def test_a_stop_of_the_last_bar_comes_first() -> None:
    """The last bar falls to 40: ten were sold at 90 on the way. [delist] [exits]"""
    exits = {"X": Exits(stop=np.full(3, 0.1))}
    bars = {"X": GONE, "Y": OTHER}
    done = run_all(bars, {"X": [1.0] * 3, "Y": [0.0] * 6}, exits)
    assert done.fills[1].price == 90
    assert (done.counts["stop"], done.counts["delisted"]) == (1, 0)
