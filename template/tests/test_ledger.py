"""The engine, against an independent ledger: the same rules, moment by moment, nothing clever."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from quant_team_backtest.engine import Assumptions, Bars, simulate

from .clerk import DAY, Clerk, Market

PRICES = st.floats(20, 200).map(lambda value: round(value, 2))
VOLUMES = st.sampled_from([0.0, 7.0, 90.0, 1e6, 1e6])
WEIGHTS = st.sampled_from([0.0, 0.0, 0.5, 1.0, -0.5, -1.0, 3.0, math.nan, 0.3, 0.2])
QUIETLY = settings(
    max_examples=int(__import__("os").environ.get("N", "300")),
    deadline=None,
    derandomize=True,
    database=None,
    phases=[__import__("hypothesis").Phase.generate],
    suppress_health_check=[HealthCheck.too_slow],
)


def lists(draw: st.DrawFn, values: st.SearchStrategy[float], count: int) -> list[float]:
    return draw(st.lists(values, min_size=count, max_size=count))


def maybe(
    draw: st.DrawFn, values: st.SearchStrategy[float], count: int, kind: type
) -> np.ndarray | None:
    """Draw a column, or that there is none."""
    if draw(st.integers(0, 2)):
        return None
    return np.array(lists(draw, values, count), dtype=kind)


@st.composite
def bars_of(draw: st.DrawFn, days: list[int], shift: int, length: int) -> Bars:
    """Draw the bars of some days: prices, volumes, lots, limits, duties, splits and dividends."""
    count = len(days)
    opened = np.array(days, dtype=np.int64) * DAY // 2 + shift
    fractional = draw(st.booleans())
    return Bars(
        opened=opened,
        closed=opened + length,
        open=np.array(lists(draw, PRICES, count)),
        close=np.array(lists(draw, PRICES, count)),
        volume=np.array(lists(draw, VOLUMES, count)),
        fractional=fractional,
        lot=draw(st.sampled_from([1, 1, 10])),
        buy_duty=draw(st.sampled_from([0.0, 0.001])),
        sell_duty=draw(st.sampled_from([0.0, 0.002])),
        same_day_sale=draw(st.booleans()),
        can_buy=maybe(draw, st.booleans(), count, bool),
        can_sell=maybe(draw, st.booleans(), count, bool),
        ratio=maybe(draw, st.sampled_from([1.0, 1.0, 1.0, 2.0, 0.5]), count, float),
        dividend=maybe(draw, st.sampled_from([0.0, 0.0, 1.5]), count, float),
    )


@st.composite
def markets(draw: st.DrawFn) -> Market:
    """Draw up to three symbols, with calendars of their own or one, and assumptions."""
    bars = {}
    weights = {}
    is_aligned = draw(st.booleans())
    common = sorted(draw(st.sets(st.integers(0, 16), min_size=1, max_size=12)))
    for symbol in ("X", "Y", "Z")[: draw(st.integers(1, 3))]:
        days = common
        shift, length = 0, DAY // 2
        if not is_aligned:
            days = sorted(draw(st.sets(st.integers(0, 16), min_size=1, max_size=12)))
            shift = draw(st.sampled_from([0, 0, DAY // 8]))
            length = draw(st.sampled_from([DAY // 2, DAY // 3]))
        bars[symbol] = draw(bars_of(days, shift, length))
        weights[symbol] = lists(draw, WEIGHTS, len(days))
    assumptions = Assumptions(
        initial_capital=draw(st.sampled_from([1000.0, 54321.0])),
        commission=draw(st.sampled_from([0.0, 0.001])),
        slippage=draw(st.sampled_from([0.0, 0.0005])),
        fill=draw(st.sampled_from(["next_open", "next_close"])),
        participation=draw(st.sampled_from([None, 0.05, 1.0])),
        borrow_rate=draw(st.sampled_from([0.0, 0.2])),
        max_gross=draw(st.sampled_from([1.0, 1.0, 0.5, 2.0, 4.0])),
        interest_rate=draw(st.sampled_from([0.0, 0.5])),
        expire_after=draw(st.integers(1, 3)),
    )
    return Market(bars, weights, assumptions)


@QUIETLY
@given(markets())
def test_equity_equals_the_plain_ledger(market: Market) -> None:
    """Whatever the calendars, weights, volumes and costs, equity is the plain ledger's. [costs]"""
    done = simulate(market.bars, market.arrays(), market.assumptions)
    assert done.equity == pytest.approx(Clerk(market).run(), rel=1e-9, abs=1e-6)


@QUIETLY
@given(markets())
def test_profits_add_up(market: Market) -> None:
    """The profits of trades, and what is open, are the change of equity. [trade] [ruin]"""
    done = simulate(market.bars, market.arrays(), market.assumptions)
    profit = sum(trade.pnl for trade in done.trades)
    open_ = sum(one.pnl for one in done.open)
    change = done.equity[-1] - market.assumptions.initial_capital
    if market.assumptions.interest_rate:
        assert profit + open_ >= change - 1e-6  # interest belongs to no trade
        return
    assert profit + open_ == pytest.approx(change, abs=1e-6)
