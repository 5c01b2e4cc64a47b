"""The prices of a symbol of the sandbox: one invented path of daily closes, seeded by its name."""

from __future__ import annotations

import hashlib
from datetime import date
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from quant_team_data.markets import DAY, Market

EPOCH = date(2010, 1, 1)  # the first day with prices
DAYS = 15_000  # length of a path; changing this or EPOCH changes every price
LAST_DAY = EPOCH + (DAYS - 1) * DAY
ANCHOR = (date(2024, 1, 2) - EPOCH).days  # the day on which a symbol is near its base price

# Base prices of the first symbols; those of all others come from their names. None may change:
# the results and locks of every team rest on them.
BASE = {
    "AAPL.US": 185.0,
    "GOOGL.US": 138.0,
    "MSFT.US": 370.0,
    "NVDA.US": 48.0,
    "SPY.US": 472.0,
    "TSLA.US": 248.0,
    "700.HK": 290.0,
    "9988.HK": 74.0,
    "600519.SH": 1680.0,
    "000001.SZ": 9.2,
    "000001.SH": 2960.0,
    "BTC.BITSTAMP": 44_000.0,
    "BTCUSDT": 44_000.0,
    "ETHUSDT": 2350.0,
    "EURUSD": 1.095,
    "USDJPY": 142.0,
}


class Habit(NamedTuple):
    """How the prices of an asset class behave.

    Attributes:
        volatility: standard deviation of a day's logarithmic return.
        lowest: least base price of a symbol that is not in `BASE`.
        highest: greatest base price of such a symbol.
    """

    volatility: float
    lowest: float
    highest: float


HABITS = {
    "stock": Habit(0.017, 10, 400),
    "crypto": Habit(0.03, 1, 100),
    "forex": Habit(0.005, 0.6, 2),
    "indices": Habit(0.011, 1000, 20_000),
    "futures": Habit(0.014, 500, 8000),
}

Column = NDArray[Any]


class Listing(NamedTuple):
    """A symbol with its path of days.

    Attributes:
        name: the spelling that seeds its prices.
        market: where it trades.
        close: logarithms of the daily closes, one for each day since `EPOCH` and one before.
        volatility: standard deviation of each day's logarithmic return.
        decimals: of its prices.
        lots: typical volume of a minute.
    """

    name: str
    market: Market
    close: Column
    volatility: Column
    decimals: int
    lots: float


@lru_cache(maxsize=128)
def invent(name: str, market: Market) -> Listing:
    """Return a symbol with invented days.

    Returns have fat tails and clustered volatility; their drift changes slowly.
    """
    habit = HABITS[market.type]
    random = generator(name)
    ratio = habit.highest / habit.lowest
    base = BASE.get(name, habit.lowest * ratio ** random.random_sample())
    lots = 10 ** random.uniform(2.5, 4.5)
    volatility = habit.volatility * np.exp(_persistent_noise(random, 15) * 0.4 - 0.08)
    drift = 0.06 * _persistent_noise(random, 40)
    shocks = np.clip(random.standard_t(5, DAYS), -6, 6)
    moves = (shocks * 0.6**0.5 + drift) * volatility
    if market.calendar:
        weekday = (np.arange(DAYS) + EPOCH.weekday()) % 7
        moves[weekday >= 5] *= 0.3  # what happens while the market is closed
    close = np.append(0.0, np.cumsum(moves))
    close += np.log(base) - close[ANCHOR]
    return Listing(
        name=name,
        market=market,
        close=close,
        volatility=volatility,
        decimals=_decimals(market, base),
        lots=lots,
    )


def generator(seed: str) -> np.random.RandomState:
    """Return a generator seeded by a text; numpy has frozen the numbers that this class draws."""
    digest = hashlib.sha256(seed.encode()).digest()
    return np.random.RandomState(int.from_bytes(digest[:4], "big"))


# Details


def _persistent_noise(random: np.random.RandomState, days: int) -> Column:
    """Return noise of variance 1 with an autocorrelation of some days, one number a day."""
    kernel = np.exp(-np.arange(4 * days) / days)
    scale = np.sqrt(np.sum(kernel**2))
    noise = random.standard_normal(DAYS)
    return np.convolve(noise, kernel / scale)[:DAYS]


def _decimals(market: Market, base: float) -> int:
    """Return how many decimals prices have: currencies and coins of small price have more."""
    if market.type not in ("forex", "crypto") or base >= 1000:
        return 2
    return 3 if base >= 10 else 5
