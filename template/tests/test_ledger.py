"""The engine against an independent ledger, and what holds for every account."""

from __future__ import annotations

from dataclasses import replace
from random import Random
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from quant_team_backtest.engine import Assumptions, Bars, Exits, Simulation, simulate

from . import drawn
from .clerk import Clerk, Market

SLOWLY = settings(
    max_examples=300,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow],
)
QUICKLY = settings(SLOWLY, max_examples=100)
RANDOMS = st.randoms(use_true_random=False)


@st.composite
def markets(draw: st.DrawFn, is_wide: bool = False) -> Market:
    """Draw an account; a wide one has eight symbols."""
    random = draw(RANDOMS)
    return drawn.market(random, drawn.WIDE if is_wide else ())


def simulated(market: Market) -> Simulation:
    """Return what the engine makes of an account."""
    return simulate(market.bars, market.arrays(), market.assumptions, market.exits)


def assert_equal_to_the_ledger(market: Market) -> None:
    """Compare the equity at every close.

    A debit of a millionth counts as rounding: whether a purchase is cut for less may differ.
    """
    found = simulated(market)
    clerk = Clerk(market)
    expected = clerk.run()
    assert found.ruined == clerk.ruined
    assert found.equity == pytest.approx(expected, rel=1e-9, abs=5e-6)


@SLOWLY
@given(markets())
def test_equity_equals_that_of_the_ledger(market: Market) -> None:
    """Whatever the calendars, boards, weights, exits and costs. [costs] [account] [gross]"""
    assert_equal_to_the_ledger(market)


@QUICKLY
@given(markets(is_wide=True))
def test_so_it_does_with_many_symbols(market: Market) -> None:
    """Eight symbols take another way through the engine. [account]"""
    assert_equal_to_the_ledger(market)


@pytest.mark.parametrize("first", range(0, 1000, 100))
def test_a_thousand_accounts(first: int) -> None:
    """The same accounts on every machine, so that a difference can be talked about. [account]"""
    for seed in range(first, first + 100):
        symbols = drawn.WIDE if seed % 4 == 0 else ()
        assert_equal_to_the_ledger(drawn.market(Random(seed), symbols))


@SLOWLY
@given(markets())
def test_profits_add_up(market: Market) -> None:
    """Those of trades, and of what is open, are the change of equity. [trade] [open] [ruin]

    But for the interest, which belongs to no trade.
    """
    rates = replace(market.assumptions, interest_rate=0.0)
    found = simulated(market._replace(assumptions=rates))
    closed = sum(trade.pnl for trade in found.trades)
    left = sum(one.pnl for one in found.open)
    change = found.equity[-1] - rates.initial_capital
    assert closed + left == pytest.approx(change, rel=1e-9, abs=1e-6)


@QUICKLY
@given(markets())
def test_cash_is_conserved(market: Market) -> None:
    """Where nothing is owed, equity is capital less what fills cost, and what is held. [account]

    Dividends are in what was applied, splits in the quantities of the fills after them.
    """
    rates = replace(market.assumptions, interest_rate=0.0, borrow_rate=0.0)
    found = simulated(market._replace(assumptions=rates))
    if found.ruined:
        return
    cash = rates.initial_capital
    for fill in found.fills:
        cash -= fill.quantity * fill.price + fill.commission
    cash += sum(applied.dividend for applied in found.applied)
    worth = sum(one.quantity * one.mark for one in found.open)
    assert found.equity[-1] == pytest.approx(cash + worth, rel=1e-9, abs=1e-5)


@QUICKLY
@given(markets())
def test_positions_are_what_was_filled_and_split(market: Market) -> None:
    """What is held is the sum of the fills, each split by what came later. [actions] [open]"""
    found = simulated(market)
    if found.ruined:
        return
    for symbol, bars in market.bars.items():
        held = 0.0
        for fill in found.fills:
            if fill.symbol == symbol:
                held += fill.quantity * split_after(bars, fill.time, market.assumptions)
        assert found.positions.get(symbol, 0.0) == pytest.approx(held, abs=1e-6)


def split_after(bars: Bars, time: int, assumptions: Assumptions) -> float:
    """Return by how much a share filled at a time was split later."""
    ratio = 1.0
    for flow in bars.flows:
        opened = int(bars.opened[flow.bar])
        is_before = opened < time
        if opened == time:
            is_before = assumptions.fill == "next_open"  # splits come before fills at an open
        if not is_before:
            ratio *= flow.ratio
    return ratio


@QUICKLY
@given(markets(), RANDOMS)
def test_the_order_of_the_symbols_changes_nothing(market: Market, random: Random) -> None:
    """Purchases are cut together, not first come, first served. [account] [debit]"""
    symbols = list(market.bars)
    random.shuffle(symbols)
    other = market._replace(bars={symbol: market.bars[symbol] for symbol in symbols})
    found = simulated(market)
    again = simulated(other)
    assert again.equity == pytest.approx(found.equity, rel=1e-9, abs=1e-6)
    assert again.counts == found.counts


@QUICKLY
@given(markets(), st.floats(0, 1))
def test_the_future_changes_nothing_in_the_past(market: Market, part: float) -> None:
    """Without the bars that open at a moment or later the curve up to it is the same. [decide]"""
    market = market._replace(bars=unending(market.bars))
    found = simulated(market)
    moment = int(found.time[int(part * (len(found.time) - 1))])
    past = truncated(market, moment)
    count = int(np.searchsorted(found.time, moment, side="right"))
    again = simulated(past)
    assert again.time[:count].tolist() == found.time[:count].tolist()
    assert again.equity[:count] == pytest.approx(found.equity[:count], rel=1e-9, abs=1e-6)
    before = [fill for fill in found.fills if fill.time < moment]
    assert list(again.fills)[: len(before)] == before


def unending(bars: dict[str, Bars]) -> dict[str, Bars]:
    """Return bars of symbols of which none is delisted: the end of bars is not its own future."""
    return {symbol: replace(one, ends=False) for symbol, one in bars.items()}


def truncated(market: Market, moment: int) -> Market:
    """Return an account without the bars that open at a moment or later, but for the first."""
    bars = {}
    weights = {}
    exits = {}
    for symbol, one in market.bars.items():
        count = int(np.searchsorted(one.opened, moment))
        count = max(count, 1)
        bars[symbol] = first(one, count)
        weights[symbol] = market.weights[symbol][:count]
        if symbol in market.exits:
            exits[symbol] = first_exits(market.exits[symbol], count)
    return market._replace(bars=bars, weights=weights, exits=exits)


def first(bars: Bars, count: int) -> Bars:
    """Return the first bars of a symbol."""
    changes: dict[str, Any] = {}
    for name, value in vars(bars).items():
        if isinstance(value, np.ndarray):
            changes[name] = value[:count]
    flows = tuple(flow for flow in bars.flows if flow.bar < count)
    return replace(bars, flows=flows, **changes)


def first_exits(exits: Exits, count: int) -> Exits:
    """Return the exits of the first bars."""
    changes = {}
    for name, value in vars(exits).items():
        changes[name] = None if value is None else value[:count]
    return Exits(**changes)


@QUICKLY
@given(markets(), st.sampled_from([0.125, 7.0, 1000.0]))
def test_equity_scales_with_the_capital(market: Market, factor: float) -> None:
    """With fractions, and without a cap, twice the money makes twice as much. [lots] [cap]"""
    market = drawn.simple(market)
    rates = market.assumptions
    capital = rates.initial_capital * factor
    richer = market._replace(assumptions=replace(rates, initial_capital=capital))
    found = simulated(market)
    scaled = simulated(richer)
    assert scaled.equity == pytest.approx(found.equity * factor, rel=1e-9, abs=1e-3 * factor)
    assert len(scaled.fills) == len(found.fills)


class Fixed(NamedTuple):
    """An account whose fills do not depend on its costs: one share, or none, of each symbol."""

    free: Market
    costly: Market


@st.composite
def fixed(draw: st.DrawFn) -> Fixed:
    """Draw an account so rich, and orders so small, that costs change no quantity."""
    random = draw(RANDOMS)
    market = drawn.market(random)
    bars = {}
    weights = {}
    for symbol, one in market.bars.items():
        count = len(one.open)
        even = np.full(count, 100.0)
        moves = drawn.column(random, [0.9, 1.0, 1.1], count)
        bars[symbol] = replace(
            one,
            open=even,
            close=even * moves,
            high=even * 1.2,
            low=even * 0.8,
            fractional=False,
            lot=1,
            flows=(),
        )
        shares = drawn.column(random, [0.0, 1.5, 2.5, -1.5], count)
        weights[symbol] = (shares * 1e-4).tolist()
    rates = replace(market.assumptions, initial_capital=1e6, max_gross=1.0)
    plain = replace(rates, commission=0.0, slippage=0.0, borrow_rate=0.0)
    dear = replace(rates, commission=0.01, slippage=0.01, borrow_rate=0.5)
    free = Market(bars, weights, plain)
    return Fixed(free, free._replace(assumptions=dear))


@QUICKLY
@given(fixed())
def test_for_the_same_fills_costs_only_reduce_equity(case: Fixed) -> None:
    """Commission, slippage, duty and borrow fees are never a gain. [costs] [duty]"""
    free = simulated(case.free)
    costly = simulated(case.costly)
    assert sizes(free) == sizes(costly)
    assert (costly.equity <= free.equity + 1e-6).all()
    if len(free.fills):
        assert costly.equity[-1] < free.equity[-1]


def sizes(done: Simulation) -> list[tuple[int, str, float]]:
    """Return when each fill was, of what and how many."""
    return [(fill.time, fill.symbol, fill.quantity) for fill in done.fills]
