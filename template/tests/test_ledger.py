"""The engine, against an independent ledger: the same rules, moment by moment, nothing clever."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from quant_team_backtest.engine import Assumptions, Bars, simulate

DAY = 86_400_000
YEAR = 365 * DAY
PRICES = st.floats(20, 200).map(lambda value: round(value, 2))
VOLUMES = st.sampled_from([0.0, 7.0, 90.0, 1e6])
WEIGHTS = st.sampled_from([0.0, 0.0, 0.5, 1.0, -0.5, -1.0, 3.0, math.nan])
QUIETLY = settings(
    max_examples=150,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow],
)


class Market(NamedTuple):
    """What is simulated."""

    bars: dict[str, Bars]
    weights: dict[str, list[float]]
    assumptions: Assumptions

    def arrays(self) -> dict[str, np.ndarray]:
        return {symbol: np.array(wish) for symbol, wish in self.weights.items()}


@dataclass
class Order:
    money: float
    bar: int
    left: float | None = None


class Ledger:
    """The account as a clerk keeps it."""

    def __init__(self, market: Market) -> None:
        self.bars = market.bars
        self.weights = market.weights
        self.rates = market.assumptions
        self.cash = self.rates.initial_capital
        self.held = dict.fromkeys(self.bars, 0.0)
        self.mark = dict.fromkeys(self.bars, 0.0)
        self.target = dict.fromkeys(self.bars, 0.0)
        self.orders: dict[str, Order] = {}
        self.equity: list[float] = []

    def total(self) -> float:
        return self.cash + sum(self.held[symbol] * self.mark[symbol] for symbol in self.bars)

    def run(self) -> list[float]:
        """Return the equity at each close."""
        moments: set[int] = set()
        for bars in self.bars.values():
            moments.update(bars.opened.tolist())
            moments.update(bars.closed.tolist())
        before = min(moments)
        for now in sorted(moments):
            self.pay_borrow((now - before) / YEAR)
            before = now
            if not self.close(now):
                break
            self.open(now)
        return self.equity

    def pay_borrow(self, years: float) -> None:
        for symbol in self.bars:
            short = max(-self.held[symbol], 0)
            self.cash -= short * self.mark[symbol] * self.rates.borrow_rate * years

    def close(self, now: int) -> bool:
        """Mark, fill, decide; return whether the account is alive."""
        closing = [(symbol, self.at(bars.closed, now)) for symbol, bars in self.bars.items()]
        closing = [(symbol, index) for symbol, index in closing if index >= 0]
        for symbol, index in closing:
            self.mark[symbol] = float(self.bars[symbol].close[index])
        if not closing:
            return True
        if self.total() <= 0:
            self.equity.append(self.total())
            return False
        for symbol, index in closing:
            if self.rates.fill == "next_close":
                self.fill(symbol, index, self.mark[symbol])
        total = self.total()
        self.equity.append(total)
        for symbol, index in closing:
            self.decide(symbol, index, total)
        return True

    def open(self, now: int) -> None:
        for symbol, bars in self.bars.items():
            index = self.at(bars.opened, now)
            if index >= 0 and self.rates.fill == "next_open":
                self.fill(symbol, index, float(bars.open[index]))

    def at(self, times: np.ndarray, now: int) -> int:
        found = np.flatnonzero(times == now).tolist()
        return found[0] if found else -1

    def decide(self, symbol: str, index: int, total: float) -> None:
        wish = self.weights[symbol][index]
        if not math.isnan(wish) and wish != self.target[symbol]:
            self.target[symbol] = wish
            self.orders[symbol] = Order(wish * total, index)

    def fill(self, symbol: str, index: int, price: float) -> None:
        order = self.orders.get(symbol)
        if order is None:
            return
        if self.bars[symbol].volume[index] > 0:
            self.trade(symbol, order, index, price)
            if order.left == 0:
                del self.orders[symbol]
                return
        if index - order.bar >= self.rates.expire_after:
            del self.orders[symbol]

    def trade(self, symbol: str, order: Order, index: int, price: float) -> None:
        if order.left is None:
            order.left = self.wanted(symbol, order.money, price) - self.held[symbol]
        size = min(abs(order.left), self.cap(symbol, index))
        if size > 0:
            sign = 1 if order.left > 0 else -1
            paid = price * (1 + sign * self.rates.slippage)
            self.cash -= sign * size * paid
            self.cash -= size * paid * self.rates.commission
            self.held[symbol] += sign * size
            order.left -= sign * size

    def wanted(self, symbol: str, money: float, price: float) -> float:
        slippage = self.rates.slippage if money >= 0 else -self.rates.slippage
        units = money / (price * (1 + slippage) * (1 + self.rates.commission))
        if self.bars[symbol].fractional:
            return units
        whole = math.floor(abs(units) + 1e-9)
        return whole if units > 0 else -whole

    def cap(self, symbol: str, index: int) -> float:
        if self.rates.participation is None:
            return math.inf
        cap = float(self.rates.participation * self.bars[symbol].volume[index])
        return cap if self.bars[symbol].fractional else math.floor(cap + 1e-9)


def lists(draw: st.DrawFn, values: st.SearchStrategy[float], count: int) -> list[float]:
    return draw(st.lists(values, min_size=count, max_size=count))


@st.composite
def markets(draw: st.DrawFn) -> Market:
    """Draw up to three symbols with calendars of their own, all kinds of weights, assumptions."""
    bars = {}
    weights = {}
    for symbol in ("X", "Y", "Z")[: draw(st.integers(1, 3))]:
        days = sorted(draw(st.sets(st.integers(0, 12), min_size=1, max_size=10)))
        shift = draw(st.sampled_from([0, 0, DAY // 4]))
        length = draw(st.sampled_from([DAY, DAY // 3]))
        opened = np.array(days, dtype=np.int64) * DAY + shift
        bars[symbol] = Bars(
            opened=opened,
            closed=opened + length,
            open=np.array(lists(draw, PRICES, len(days))),
            close=np.array(lists(draw, PRICES, len(days))),
            volume=np.array(lists(draw, VOLUMES, len(days))),
            fractional=draw(st.booleans()),
        )
        weights[symbol] = lists(draw, WEIGHTS, len(days))
    assumptions = Assumptions(
        initial_capital=draw(st.sampled_from([1000.0, 54321.0])),
        commission=draw(st.sampled_from([0.0, 0.001])),
        slippage=draw(st.sampled_from([0.0, 0.0005])),
        fill=draw(st.sampled_from(["next_open", "next_close"])),
        participation=draw(st.sampled_from([None, 0.05, 1.0])),
        borrow_rate=draw(st.sampled_from([0.0, 0.2])),
        expire_after=draw(st.integers(1, 3)),
    )
    return Market(bars, weights, assumptions)


@QUIETLY
@given(markets())
def test_equity_equals_the_plain_ledger(market: Market) -> None:
    """Whatever the calendars, weights, volumes and costs, equity is the plain ledger's. [costs]"""
    done = simulate(market.bars, market.arrays(), market.assumptions)
    assert done.equity == pytest.approx(Ledger(market).run(), rel=1e-9, abs=1e-6)


@QUIETLY
@given(markets())
def test_profits_add_up(market: Market) -> None:
    """Without a position left open, the profits of trades are the change of equity. [trade]"""
    done = simulate(market.bars, market.arrays(), market.assumptions)
    if done.positions or done.ruined:
        return
    profit = sum(trade.pnl for trade in done.trades)
    change = done.equity[-1] - market.assumptions.initial_capital
    assert profit == pytest.approx(change)
