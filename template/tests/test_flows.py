"""Splits and dividends in the engine: what is held, what waits, what a trade earned."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quant_team_backtest.adjusting import signals
from quant_team_backtest.engine import Bars, EngineError, Flow

from . import accounts
from .accounts import DAY, quantities, run, run_all

SPLIT = Flow(2, 4.0)
FLAT = [100.0, 100, 100, 100]
FALLEN = [100.0, 100, 25, 25]
HELD = [1.0, 1, 1, 1]
LATE = [0.0, 1, 1, 1]


def make(
    prices: list[float],
    *flows: Flow,
    **changes: Any,
) -> Bars:
    """Return daily bars with splits and dividends."""
    return accounts.make(prices, flows=flows, **changes)


@pytest.mark.parametrize("length", [DAY, DAY // 3])
@pytest.mark.parametrize("fill", ["next_open", "next_close"])
@pytest.mark.parametrize("weight", [1.0, -1.0])
def test_a_split_without_a_move_changes_no_equity(length: int, fill: str, weight: float) -> None:
    """Ten shares become forty at a fourth of the price, long or short. [actions]"""
    bars = make(FALLEN, SPLIT)
    bars = replace(bars, closed=bars.opened + length)
    done = run(bars, [weight] * 4, fill=fill)
    assert done.equity == pytest.approx([1000.0] * 4, abs=1e-9)
    assert done.positions == {"X": 40 * weight}
    (applied,) = done.applied
    assert applied.time == 2 * DAY
    assert (applied.before, applied.after) == (10 * weight, 40 * weight)


def test_a_dividend_is_paid_in_cash_and_shorts_pay_it() -> None:
    """Who holds ten shares gets ten times 3.00, who is short pays it. [actions]"""
    bars = make([100, 100, 97, 97], Flow(2, 1.0, 3.0))
    held = run(bars, [1, 1, 1, 0])
    assert held.equity == pytest.approx([1000] * 4)
    assert held.applied[0].dividend == 30
    short = run(bars, [-1, -1, 0, 0])
    assert short.equity == pytest.approx([1000] * 4)
    (trade,) = short.trades
    assert trade.pnl == pytest.approx(0)
    assert short.applied[0].dividend == -30


def test_who_buys_on_the_ex_date_gets_nothing() -> None:
    """The flow comes before the fill at the same open. [actions]"""
    bars = make(FALLEN, Flow(2, 4.0, 3.0))
    done = run(bars, LATE)
    assert done.positions == {"X": 40}
    assert not done.applied


def test_a_fraction_of_a_share_is_kept_until_the_position_is_traded() -> None:
    """Ten shares at 3:7 are 30/7 = 4.29 at 240, and all of them are sold. [actions] [lots]"""
    bars = make([100, 100, 240, 240], Flow(2, 3 / 7))
    done = run(bars, HELD)
    assert done.positions == {"X": pytest.approx(30 / 7)}
    assert done.equity[-1] == pytest.approx(30 / 7 * 240)
    left = run(bars, [1, 1, 0, 0])
    assert quantities(left) == [10, pytest.approx(-30 / 7)]
    assert not left.positions
    assert left.equity[-1] == pytest.approx(30 / 7 * 240)


def test_a_purchase_beside_a_fraction_is_of_whole_shares() -> None:
    """Five shares at 1:2 are 2.5; to half of 1,000 at 100 are 5: two more are bought. [lots]

    A sale to a third leaves whole shares: 0.3 of 1,000 are 3 of 4.5, so 1.5 are sold.
    """
    bars = make([50, 50, 100, 100, 100, 100], Flow(2, 1 / 2))
    done = run(bars, [0.25, 0.25, 0.5, 0.3, 0.3, 0.3])
    assert quantities(done) == [5, 2, -1.5]


def test_a_position_that_becomes_less_than_a_share_is_kept() -> None:
    """A reverse split of 1:50 makes ten shares a fifth of one, worth the same. [actions]"""
    bars = make([100, 100, 5000, 5000], Flow(2, 1 / 50))
    done = run(bars, HELD)
    assert done.positions == {"X": pytest.approx(0.2)}
    assert not done.trades
    assert done.equity[-1] == pytest.approx(1000)


def test_a_trade_over_a_split_earns_what_it_earned() -> None:
    """Bought at 100, split 4:1 with 2.00 of cash, sold at 30: 40 * 30 + 20 - 1000. [actions]"""
    bars = make([100, 100, 25, 30, 30], Flow(2, 4.0, 2.0))
    done = run(bars, [1, 1, 0, 0, 0])
    (trade,) = done.trades
    assert (trade.quantity, trade.entry, trade.exit) == (40, 25, 30)
    assert trade.pnl == pytest.approx(220)
    assert done.equity[-1] == pytest.approx(1220)


def test_what_an_order_still_has_to_fill_is_split_too() -> None:
    """Four of ten shares are filled, then each of the other six becomes four. [actions] [cap]

    The cap is split as well: a tenth of 40 shares is 4, and of the 160 that they are later, 16.
    """
    bars = make([100, 100, 25, 25, 25], SPLIT, volume=40.0)
    done = run(bars, [1] * 5, participation=0.1)
    assert quantities(done) == [4, 16, 8]
    assert done.positions == {"X": 40}


def test_the_usual_volume_is_counted_in_shares_of_today() -> None:
    """100 shares before a 4:1 split and 400 after it are 400 and 400. [cap] [actions]

    The money is for 80 shares at 12.50, and a bar fills a tenth of 400.
    """
    bars = make([50, 50, 12.5, 12.5, 12.5], SPLIT, volume=[100, 100, 400, 400, 400])
    done = run(bars, [0, 0, 1, 1, 1], participation=0.1)
    assert quantities(done) == [40, 40]


def test_an_order_in_money_needs_no_change() -> None:
    """Decided before the split and filled after it, an order buys four times the shares."""
    bars = make(FALLEN, SPLIT)
    assert run(bars, LATE).positions == {"X": 40}


def test_another_symbol_sees_the_position_at_its_new_price() -> None:
    """Between the ex-date's open and its close, the mark is the last close as it is then."""
    held = make(FALLEN, SPLIT)
    opened = held.opened + DAY // 2
    other = replace(held, opened=opened, closed=opened + DAY // 4, flows=())
    ten = np.full(4, 10.0)
    other = replace(other, open=ten, close=ten)
    weights = {"X": [0.5] * 4, "Y": [0, 0, 0.5, 0.5]}
    done = run_all({"X": held, "Y": other}, weights)
    assert done.equity == pytest.approx(1000)
    assert done.positions == {"X": 20, "Y": 50}


def test_what_was_applied_is_in_time_order() -> None:
    """X splits a bar after Y. [actions]"""
    bars = {"X": make(FLAT, Flow(3, 2.0)), "Y": make(FLAT, Flow(2, 2.0))}
    done = run_all(bars, {"X": [0.5] * 4, "Y": [0.5] * 4})
    assert [applied.symbol for applied in done.applied] == ["Y", "X"]


def test_borrow_is_paid_on_the_new_price() -> None:
    """A split without a move changes no fee."""
    rates: dict[str, Any] = {"borrow_rate": 0.5}
    split = make(FALLEN, SPLIT)
    split = replace(split, closed=split.opened + DAY // 3)
    plain = replace(split, open=np.array(FLAT), close=np.array(FLAT), flows=())
    fees = run(split, [-1] * 4, **rates).equity
    expected = run(plain, [-1] * 4, **rates).equity
    assert fees == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize(
    "flow",
    [Flow(0, 2.0), Flow(4, 2.0), Flow(2, 0.0), Flow(2, 1.0, 100.0)],
)
def test_what_leaves_nothing_is_refused(flow: Flow) -> None:
    """A ratio of zero, a dividend of the whole price, a bar that there is not."""
    with pytest.raises(EngineError, match="not possible"):
        run(make(FLAT, flow), HELD)


class Case(NamedTuple):
    """Prices as if there were no actions, and the actions."""

    opens: list[float]
    closes: list[float]
    flows: list[Flow]


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """Return random prices and actions; nothing moves between a close and an ex-date's open."""
    count = draw(st.integers(4, 12))
    price = st.floats(10, 200)
    opens = draw(st.lists(price, min_size=count, max_size=count))
    closes = draw(st.lists(price, min_size=count, max_size=count))
    places = draw(st.sets(st.integers(2, count - 1), max_size=4))
    flows = []
    for bar in sorted(places):
        opens[bar] = closes[bar - 1]
        ratio = draw(st.sampled_from([0.1, 0.5, 1.0, 1.05, 1.5, 2.0, 4.0, 7.0]))
        share = draw(st.sampled_from([0.0, 0.0, 0.01, 0.2]))  # of the price
        flows.append(Flow(bar, ratio, share))
    return Case(opens, closes, flows)


def raw_of(case: Case) -> Bars:
    """Return raw prices whose total return is that of the case."""
    scale = 1.0
    opens = list(case.opens)
    closes = list(case.closes)
    flows = []
    by_bar = {flow.bar: flow for flow in case.flows}
    for bar in range(len(opens)):
        flow = by_bar.get(bar)
        if flow:
            cash = flow.cash * closes[bar - 1]
            scale *= (1 - flow.cash) / flow.ratio
            flows.append(Flow(bar, flow.ratio, cash))
        opens[bar] *= scale
        closes[bar] *= scale
    return make(opens, *flows, closes=closes, fractional=True)


@settings(max_examples=150, deadline=None)
@given(cases(), st.data())
def test_flows_on_raw_prices_are_a_run_on_adjusted_ones(case: Case, data: st.DataObject) -> None:
    """Without costs, with fractions and dividends reinvested, equity is the same. [actions]

    An order on each bar reinvests a dividend at the ex-date's open.
    """
    count = len(case.opens)
    first = data.draw(st.sampled_from([0.2, 0.7, -0.4]))
    weights = [first + 0.01 * (bar % 2) for bar in range(count)]
    adjusted = make(case.opens, closes=case.closes, fractional=True)
    expected = run(adjusted, weights)
    found = run(raw_of(case), weights)
    if not expected.ruined:
        assert found.equity == pytest.approx(expected.equity, rel=1e-9, abs=1e-6)
    held = [flow._replace(cash=0.0) for flow in case.flows]  # splits need no order
    found = run(raw_of(case._replace(flows=held)), [first] * count)
    expected = run(adjusted, [first] * count)
    assert found.equity == pytest.approx(expected.equity, rel=1e-9, abs=1e-6)


@settings(max_examples=100, deadline=None)
@given(cases())
def test_what_strategies_see_is_the_series_without_actions(case: Case) -> None:
    """Total-return prices, made from raw ones and the flows, are those they came from. [actions]"""
    raw = raw_of(case)
    columns = {"open": raw.open, "high": raw.open, "low": raw.open, "close": raw.close}
    frame = pl.DataFrame({**columns, "volume": raw.volume})
    seen = signals(frame, raw.flows)
    assert seen["open"].to_numpy() == pytest.approx(case.opens, rel=1e-9)
    assert seen["close"].to_numpy() == pytest.approx(case.closes, rel=1e-9)
    by_bar = {flow.bar: flow.ratio for flow in raw.flows}
    shares = np.cumprod([by_bar.get(bar, 1.0) for bar in range(len(frame))])
    assert seen["volume"].to_numpy() * shares == pytest.approx(raw.volume)
