"""Random accounts: every rule of the engine may apply to them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from random import Random
from typing import Any

import numpy as np

from quant_team_backtest.engine import Assumptions, Bars, Exits, Flow

from .clerk import DAY, Market

SYMBOLS = ("X", "Y", "Z")
WIDE = tuple("ABCDEFGH")
HALF_DAYS = range(17)
WEIGHTS = [0.0, 0.0, 0.2, 0.3, 0.5, 1.0, -0.5, -1.0, 3.0, math.nan]
VOLUMES = [0.0, 7.0, 90.0, 1e6, 1e6]
NAN = math.nan


def market(random: Random, symbols: Sequence[str] = ()) -> Market:
    """Return one to three symbols, or the given ones, their weights, exits and assumptions."""
    names = symbols or SYMBOLS[: random.randint(1, 3)]
    is_aligned = random.random() < 0.5
    common = days(random)
    bars = {}
    weights = {}
    exits = {}
    for symbol in names:
        own = common if is_aligned else days(random)
        bars[symbol] = bars_of(random, own, is_aligned=is_aligned)
        weights[symbol] = column(random, WEIGHTS, len(own)).tolist()
        if random.random() < 0.4:
            exits[symbol] = exits_of(random, len(own))
    return Market(bars, weights, assumptions(random), exits)


def simple(market: Market) -> Market:
    """Return an account where equity scales with its capital: fractions, and no cap."""
    bars = {}
    for symbol, one in market.bars.items():
        bars[symbol] = replace(one, fractional=True)
    rates = replace(market.assumptions, participation=None)
    return market._replace(bars=bars, assumptions=rates)


def days(random: Random) -> list[int]:
    """Return the half days on which a symbol has its bars."""
    count = random.randint(1, 12)
    return sorted(random.sample(HALF_DAYS, count))


def column(random: Random, values: Sequence[float], count: int) -> np.ndarray:
    """Return one of some values for each bar."""
    return np.array([random.choice(values) for _ in range(count)])


def maybe(random: Random, values: Sequence[float], count: int) -> np.ndarray | None:
    """Return such a column, or None."""
    if random.random() < 0.6:
        return None
    return column(random, values, count)


def bars_of(random: Random, own: list[int], *, is_aligned: bool) -> Bars:
    """Return the bars of some half days, on a board with rules of its own."""
    count = len(own)
    shift = 0
    length = DAY // 2
    if not is_aligned:
        shift = random.choice([0, 0, DAY // 8])
        length = random.choice([DAY // 2, DAY // 3])
    opened = np.array(own, dtype=np.int64) * (DAY // 2) + shift
    opens = prices(random, count)
    closes = prices(random, count)
    above = column(random, [1.0, 1.1], count)
    below = column(random, [1.0, 0.9], count)
    return Bars(
        opened=opened,
        closed=opened + length,
        open=opens,
        close=closes,
        high=np.maximum(opens, closes) * above,
        low=np.minimum(opens, closes) * below,
        volume=column(random, VOLUMES, count),
        flows=flows(random, count),
        can_buy=maybe(random, [True, False], count),
        can_sell=maybe(random, [True, False], count),
        **board(random),
    )


def prices(random: Random, count: int) -> np.ndarray:
    """Return prices that have nothing to do with one another."""
    return np.array([random.randint(2_000, 20_000) / 100 for _ in range(count)])


def flows(random: Random, count: int) -> tuple[Flow, ...]:
    """Return splits and dividends of some bars after the first."""
    found = []
    for bar in range(1, count):
        if random.random() < 0.25:
            ratio = random.choice([1.0, 2.0, 0.5])
            cash = random.choice([0.0, 1.5])
            found.append(Flow(bar, ratio, cash))
    return tuple(found)


def board(random: Random) -> dict[str, Any]:
    """Return what can be traded, and what it costs."""
    return {
        "fractional": random.random() < 0.5,
        "lot": random.choice([1, 1, 10]),
        "buy_duty": random.choice([0.0, 0.001]),
        "sell_duty": random.choice([0.0, 0.002]),
        "same_day_sale": random.random() < 0.5,
        "ends": random.random() < 0.2,
    }


def exits_of(random: Random, count: int) -> Exits:
    """Return how positions are left, bar by bar."""
    return Exits(
        stop=maybe(random, [0.05, 0.2, NAN], count),
        target=maybe(random, [0.05, 0.3, NAN], count),
        trail=maybe(random, [0.1, NAN], count),
        max_bars=maybe(random, [1.0, 2.0, 4.0, NAN], count),
    )


def assumptions(random: Random) -> Assumptions:
    """Return an account and its costs."""
    return Assumptions(
        initial_capital=random.choice([1000.0, 54_321.0]),
        commission=random.choice([0.0, 0.001]),
        slippage=random.choice([0.0, 0.0005]),
        fill=random.choice(["next_open", "next_close"]),
        participation=random.choice([None, 0.05, 1.0]),
        borrow_rate=random.choice([0.0, 0.2]),
        max_gross=random.choice([1.0, 1.0, 0.5, 2.0, 4.0]),
        interest_rate=random.choice([0.0, 0.5]),
        expire_after=random.randint(1, 3),
    )
