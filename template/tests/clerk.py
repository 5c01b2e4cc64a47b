"""The account as a clerk keeps it: the rules of the engine, moment by moment, nothing clever."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import NamedTuple

import numpy as np

from quant_team_backtest.engine import Assumptions, Bars, Exits, Flow

DAY = 86_400_000
YEAR = 365 * DAY


class Market(NamedTuple):
    """What is simulated."""

    bars: dict[str, Bars]
    weights: dict[str, list[float]]
    assumptions: Assumptions
    exits: Mapping[str, Exits] = MappingProxyType({})

    def arrays(self) -> dict[str, np.ndarray]:
        return {symbol: np.array(wish) for symbol, wish in self.weights.items()}


@dataclass
class Order:
    """An order that has not been filled whole; quantities in shares of today."""

    money: float
    bar: int
    cap: float
    reduces: bool
    left: float | None = None


@dataclass
class Guard:
    """The exits of an open position; prices in shares of today."""

    entry: float
    best: float
    stop: float
    target: float
    trail: float
    last: float  # the bar at whose close the longest time is over
    opened: int


class Clerk:
    """Cash, shares and orders, kept from moment to moment."""

    def __init__(self, market: Market) -> None:
        self.bars = market.bars
        self.weights = market.weights
        self.rates = market.assumptions
        self.exits = market.exits
        self.cash = self.rates.initial_capital
        self.owed = 0.0  # borrow fees and interest, which bear no interest themselves
        self.debit = 0.0  # after the last fill
        self.ahead = dict.fromkeys(self.bars, 0.0)  # dividends that the mark does not know yet
        self.held = dict.fromkeys(self.bars, 0.0)
        self.mark = dict.fromkeys(self.bars, 0.0)
        self.target = dict.fromkeys(self.bars, 0.0)
        self.bought: dict[str, tuple[int, float]] = {}
        self.orders: dict[str, Order] = {}
        self.guards: dict[str, Guard] = {}
        self.equity: list[float] = []
        self.ruined = False

    def total(self) -> float:
        worth = 0.0
        for symbol, held in self.held.items():
            worth += held * (self.mark[symbol] - self.ahead[symbol])
        return self.cash - self.owed + worth

    def run(self) -> list[float]:
        """Return the equity at each close."""
        moments: set[int] = set()
        for bars in self.bars.values():
            moments.update(bars.opened.tolist())
            moments.update(bars.closed.tolist())
        before = min(moments)
        for now in sorted(moments):
            self.pay((now - before) / YEAR)
            before = now
            self.close(now)
            if self.ruined:
                break
            self.open(now)
        return self.equity

    def pay(self, years: float) -> None:
        """Owe borrow fees and interest for the time since the moment before."""
        for symbol in self.bars:
            short = max(-self.held[symbol], 0)
            self.owed += short * self.mark[symbol] * self.rates.borrow_rate * years
        self.owed += self.debit * self.rates.interest_rate * years

    def close(self, now: int) -> None:
        """Mark, fill, decide."""
        closing = {symbol: self.at(bars.closed, now) for symbol, bars in self.bars.items()}
        closing = {symbol: index for symbol, index in closing.items() if index >= 0}
        for symbol, index in closing.items():
            self.mark[symbol] = float(self.bars[symbol].close[index])
            self.ahead[symbol] = 0.0
        if not closing:
            return
        for symbol, index in sorted(closing.items()):
            self.leave(symbol, index, now)
        if self.rates.fill == "next_close":
            self.fill(closing, now, dict(self.mark))
        self.equity.append(self.total())
        self.ruined = self.total() <= 0
        if not self.ruined:
            self.decide(closing)

    def leave(self, symbol: str, index: int, now: int) -> None:
        """Leave a position whose exit the bar has reached, or whose symbol ends with it."""
        bars = self.bars[symbol]
        guard = self.guards.get(symbol)
        held = self.held[symbol]
        side = 1 if held > 0 else -1
        if held and guard and index >= guard.opened:
            price = self.reached(symbol, guard, index, side, now)
            extreme = self.high(symbol, index) if side > 0 else self.low(symbol, index)
            guard.best = side * max(side * guard.best, side * extreme)
            if price is not None:
                self.orders.pop(symbol, None)
                cap = self.cap_before(symbol, index)
                size = -side * self.limited(symbol, abs(held), cap)
                self.enter(symbol, size, now - 1, price)  # within the bar
                if self.held[symbol]:
                    self.orders[symbol] = Order(0.0, index, cap, reduces=True)
                else:
                    self.guards.pop(symbol)
            elif guard.last == index:
                self.orders[symbol] = Order(0.0, index, self.cap_before(symbol, index), True)
        if self.held[symbol] and bars.ends and index == len(bars.open) - 1:
            self.cash += self.held[symbol] * float(bars.close[index])
            self.held[symbol] = 0.0
            self.debit = max(-self.cash, 0)
            self.orders.pop(symbol, None)
            self.guards.pop(symbol, None)

    def high(self, symbol: str, index: int) -> float:
        bars = self.bars[symbol]
        both = max(float(bars.open[index]), float(bars.close[index]))
        return both if bars.high is None else float(bars.high[index])

    def low(self, symbol: str, index: int) -> float:
        bars = self.bars[symbol]
        both = min(float(bars.open[index]), float(bars.close[index]))
        return both if bars.low is None else float(bars.low[index])

    def cap_before(self, symbol: str, index: int) -> float:
        cap = self.cap(symbol, max(index - 1, 0))
        return cap * self.flow(symbol, index).ratio

    def reached(self, symbol: str, guard: Guard, i: int, side: int, now: int) -> float | None:
        """Return the price at which a bar leaves a position, or None."""
        bars = self.bars[symbol]
        limits = bars.can_sell if side > 0 else bars.can_buy
        if bars.volume[i] <= 0 or (limits is not None and not limits[i]):
            return None
        date, _ = self.bought.get(symbol, (-1, 0.0))
        if side > 0 and not bars.same_day_sale and int(bars.opened[i]) // DAY <= date:
            return None
        opened = float(bars.open[i])
        low = self.low(symbol, i)
        high = self.high(symbol, i)
        worst = low if side > 0 else high
        best = high if side > 0 else low
        stop = guard.entry * (1 - side * guard.stop)
        trailing = guard.best * (1 - side * guard.trail)
        level = side * max(side * stop, side * trailing)
        if side * worst <= side * level:
            return side * min(side * opened, side * level)
        target = guard.entry * (1 + side * guard.target)
        if side * best >= side * target:
            return side * max(side * opened, side * target)
        return None

    def guard(self, symbol: str, before: float, decided: int, index: int, price: float) -> None:
        """Note what a fill at a bar means for the exits of its position."""
        exits = self.exits.get(symbol)
        after = self.held[symbol]
        if exits is None:
            return
        if not after:
            self.guards.pop(symbol, None)
        elif before * after <= 0:
            rates = self.rates
            paid = price * (1 + math.copysign(rates.slippage, after - before))
            opened = index if rates.fill == "next_open" else index + 1
            self.guards[symbol] = Guard(
                entry=paid,
                best=paid,
                stop=exits.at("stop", decided),
                target=exits.at("target", decided),
                trail=exits.at("trail", decided),
                last=opened + exits.at("max_bars", decided) - 1,
                opened=opened,
            )

    def open(self, now: int) -> None:
        """Split, pay dividends, fill."""
        opening = {symbol: self.at(bars.opened, now) for symbol, bars in self.bars.items()}
        opening = {symbol: index for symbol, index in opening.items() if index >= 0}
        for symbol, index in opening.items():
            self.act(symbol, index)
        if self.rates.fill == "next_open":
            prices = {symbol: float(self.bars[symbol].open[i]) for symbol, i in opening.items()}
            self.fill(opening, now, prices)

    def act(self, symbol: str, index: int) -> None:
        flow = self.flow(symbol, index)
        self.cash += self.held[symbol] * flow.cash
        self.ahead[symbol] = flow.cash
        ratio = flow.ratio
        self.held[symbol] *= ratio
        self.mark[symbol] /= ratio
        self.ahead[symbol] /= ratio
        date, bought = self.bought.get(symbol, (-1, 0.0))
        self.bought[symbol] = (date, bought * ratio)
        guard = self.guards.get(symbol)
        if guard is not None:
            guard.entry /= ratio
            guard.best /= ratio
        order = self.orders.get(symbol)
        if order is not None:
            order.cap *= ratio
            order.left = None if order.left is None else order.left * ratio

    def flow(self, symbol: str, index: int) -> Flow:
        for flow in self.bars[symbol].flows:
            if flow.bar == index:
                return flow
        return Flow(index)

    def at(self, times: np.ndarray, now: int) -> int:
        found = np.flatnonzero(times == now).tolist()
        return found[0] if found else -1

    def decide(self, closing: dict[str, int]) -> None:
        total = self.total()
        changed = {}
        for symbol, index in closing.items():
            wish = self.weights[symbol][index]
            if not math.isnan(wish) and wish != self.target[symbol]:
                changed[symbol] = wish
        gross = sum(abs(wish) for wish in changed.values()) * total
        others = [symbol for symbol in self.bars if symbol not in changed]
        room = self.rates.max_gross * total
        room -= sum(abs(self.held[symbol] * self.mark[symbol]) for symbol in others)
        scale = max(room, 0) / gross if gross > max(room, 0) else 1.0
        for symbol, wish in changed.items():
            self.target[symbol] = wish
            money = wish * total * scale
            worth = self.held[symbol] * self.mark[symbol]
            reduces = worth != 0 and (money * worth <= 0 or abs(money) < abs(worth))
            index = closing[symbol]
            self.orders[symbol] = Order(money, index, self.cap(symbol, index), reduces)

    def cap(self, symbol: str, index: int) -> float:
        if self.rates.participation is None:
            return math.inf
        bars = self.bars[symbol]
        total = 0.0
        first = max(index - 19, 0)
        for i in range(first, index + 1):
            shares = float(bars.volume[i])
            for later in range(i + 1, index + 1):
                shares *= self.flow(symbol, later).ratio
            total += shares
        return self.rates.participation * total / (index + 1 - first)

    def fill(self, now_at: dict[str, int], now: int, prices: dict[str, float]) -> None:
        """Fill the orders whose bars are at this moment, all at once."""
        parts = {}
        for symbol, index in now_at.items():
            order = self.orders.get(symbol)
            if order is not None and index > order.bar:
                parts[symbol] = self.part(symbol, order, index, now, prices[symbol])
        kept = self.affordable(parts, prices)
        for symbol, wanted in parts.items():
            order = self.orders[symbol]
            before = self.held[symbol]
            self.enter(symbol, kept[symbol], now, prices[symbol])
            if kept[symbol]:
                self.guard(symbol, before, order.bar, now_at[symbol], prices[symbol])
            if order.left is not None:
                order.left = order.left - wanted if kept[symbol] == wanted else 0.0
            self.go_on(symbol, order, now_at[symbol])

    def part(self, symbol: str, order: Order, index: int, now: int, price: float) -> float:
        bars = self.bars[symbol]
        if bars.volume[index] <= 0:
            return 0.0
        held = self.held[symbol]
        if order.left is None:
            target = self.wanted(symbol, order.money, price)
            order.left = target - held
            if order.left > 0 and target != 0 and not bars.fractional:
                order.left = self.whole(order.left, bars.lot)
        side = bars.can_buy if order.left > 0 else bars.can_sell
        if side is not None and not side[index]:
            return 0.0
        size = self.limited(symbol, abs(order.left), order.cap)
        if order.left < 0 and not bars.same_day_sale:
            date, bought = self.bought.get(symbol, (-1, 0.0))
            if date == now // DAY:
                size = min(size, max(held - bought, 0.0))
        return math.copysign(size, order.left)

    def limited(self, symbol: str, size: float, cap: float) -> float:
        bars = self.bars[symbol]
        if size <= cap:
            return size
        if bars.fractional:
            return cap
        return min(max(self.whole(cap, bars.lot), bars.lot), size)

    def wanted(self, symbol: str, money: float, price: float) -> float:
        bars = self.bars[symbol]
        rates = self.rates
        if money >= 0:
            unit = price * (1 + rates.slippage) * (1 + rates.commission + bars.buy_duty)
        else:
            unit = price * (1 - rates.slippage) * (1 + rates.commission + bars.sell_duty)
        units = money / unit
        if bars.fractional:
            return units
        return math.copysign(self.whole(abs(units), bars.lot), units)

    def whole(self, size: float, lot: int) -> float:
        return math.floor(size / lot + 1e-9) * lot

    def cost(self, symbol: str, size: float, price: float) -> float:
        bars = self.bars[symbol]
        if size > 0:
            paid = price * (1 + self.rates.slippage)
            return size * paid * (1 + self.rates.commission + bars.buy_duty)
        got = price * (1 - self.rates.slippage)
        return size * got * (1 - self.rates.commission - bars.sell_duty)

    def affordable(self, parts: dict[str, float], prices: dict[str, float]) -> dict[str, float]:
        costs = {symbol: self.cost(symbol, part, prices[symbol]) for symbol, part in parts.items()}
        left = self.cash - self.owed - sum(costs.values())
        if self.rates.max_gross > 1 or left >= -1e-6:
            return parts
        buys = [symbol for symbol, part in parts.items() if part > 0 and self.held[symbol] >= 0]
        spent = sum(costs[symbol] for symbol in buys)
        left += spent
        factor = left / spent if buys and left >= 1e-6 else 0.0
        kept = dict(parts)
        for symbol in buys:
            kept[symbol] *= factor
            if not self.bars[symbol].fractional:
                kept[symbol] = self.whole(kept[symbol], self.bars[symbol].lot)
        return kept

    def enter(self, symbol: str, size: float, now: int, price: float) -> None:
        if not size:
            return
        self.cash -= self.cost(symbol, size, price)
        self.held[symbol] += size
        self.debit = max(-self.cash, 0)
        if abs(self.held[symbol]) < 1e-12 * abs(size):
            self.held[symbol] = 0.0
        if size > 0:
            date, bought = self.bought.get(symbol, (-1, 0.0))
            today = now // DAY
            self.bought[symbol] = (today, size + (bought if date == today else 0.0))

    def go_on(self, symbol: str, order: Order, index: int) -> None:
        """Drop an order that is filled or has expired."""
        if order.left == 0:
            del self.orders[symbol]
            return
        if index - order.bar < self.rates.expire_after:
            return
        held = self.held[symbol]
        if order.left is None:
            keeps = order.reduces
            if order.reduces and order.money * held < 0:
                order.money = 0.0
        else:
            keeps = order.left * held < 0
            if keeps and abs(order.left) > abs(held):
                order.left = -held
        if not keeps:
            del self.orders[symbol]
