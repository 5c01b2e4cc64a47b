"""Synthetic prices: invented, but on the trading days and hours of the real markets.

A symbol has one path of daily closes, seeded by its name; each day is filled with minutes from
close to close, seeded by name and date. All bars are made of those minutes, so any two requests
agree, on any machine and at any time. Nothing here reads a clock: what is known at `now` depends
on `now` alone.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from quant_team_data import markets
from quant_team_data.markets import DAY, Market, Session, milliseconds

EPOCH = date(2010, 1, 1)  # the first day with prices
DAYS = 15_000  # length of a path; changing this or EPOCH changes every price
ANCHOR = (date(2024, 1, 2) - EPOCH).days  # the day on which a symbol is near its base price
MINUTE = 60_000  # milliseconds
FRACTIONAL_LOT = 10_000  # lots in one unit of what can be traded in fractions

# The symbols that the sandbox lists, with their base prices. It has prices for any other, too.
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


class Minutes(NamedTuple):
    """The minutes of one or more sessions in time order: opens in ms UTC, prices, lots."""

    time: Column
    open: Column
    high: Column
    low: Column
    close: Column
    lots: Column


def bars(
    listing: Listing,
    interval: str,
    limit: int,
    *,
    now: int,
    start: int = 0,
    end: int | None = None,
) -> list[dict[str, Any]]:
    """Return the newest bars that open in a range, oldest first, as TickDB writes them.

    A bar exists as soon as its first minute has begun; the last one may still be forming.

    Args:
        listing: whose bars.
        interval: one of `markets.INTERVALS`.
        limit: how many bars at most.
        now: ms UTC; no minute after it is known.
        start: ms UTC, the first open, included.
        end: ms UTC, the last open, included; default: `now`.

    Returns:
        Dicts of `time` (int, ms UTC) and `open`, `high`, `low`, `close`, `volume` (text).
    """
    end = now if end is None else min(end, now)
    sessions: list[Session] = []
    opens: set[int] = set()
    for session in _newest_sessions(listing.market, interval, limit, now, start, end):
        inside = {at for at in markets.bar_opens(session, interval) if start <= at <= end}
        if (sessions and not inside) or len(opens) > limit:
            break
        if inside:
            sessions.append(session)
            opens |= inside
    if not opens:
        return []
    sessions.reverse()
    oldest = sorted(opens)[-limit:][0]
    label, minutes = _known_minutes(listing, sessions, interval, (oldest, end), now)
    return _as_text(listing, label, minutes)


@lru_cache(maxsize=128)
def listing(name: str, market: Market) -> Listing:
    """Invent a symbol's days: fat tails, clustered volatility, and a drift that changes slowly."""
    habit = HABITS[market.type]
    random = generator(name)
    ratio = habit.highest / habit.lowest
    base = BASE.get(name, habit.lowest * ratio ** random.random_sample())
    lots = 10 ** random.uniform(2.5, 4.5)
    volatility = habit.volatility * np.exp(_persistent_noise(random, 15) * 0.4 - 0.08)
    drift = 0.06 * _persistent_noise(random, 40)
    shocks = np.clip(random.standard_t(5, DAYS), -6, 6) * 0.6**0.5
    moves = (shocks + drift) * volatility
    if market.calendar:
        weekday = (np.arange(DAYS) + EPOCH.weekday()) % 7
        moves[weekday >= 5] *= 0.3  # what happens while the market is closed
    close = np.append(0.0, np.cumsum(moves))
    close += np.log(base) - close[ANCHOR]
    return Listing(name, market, close, volatility, _decimals(market, base), lots)


def generator(seed: str) -> np.random.RandomState:
    """Return a generator seeded by a text; numpy has frozen the numbers that this class draws."""
    digest = hashlib.sha256(seed.encode()).digest()
    return np.random.RandomState(int.from_bytes(digest[:4], "big"))


# Details: which sessions


def _newest_sessions(
    market: Market, interval: str, limit: int, now: int, start: int, end: int
) -> Iterator[Session]:
    """Yield the sessions that can hold the wanted bars and have opened by `now`, newest first.

    A day that has not opened yet has no bar, though its label, 00:00 UTC, may have passed.
    """
    reach = max(timedelta(seconds=markets.longest(interval)), DAY)
    today = _day(now)
    last_known = min(markets.known_until(market), EPOCH + (DAYS - 1) * DAY)
    until = min(_day(end) + reach, today + DAY, last_known)
    since = max(EPOCH, _day(min(start, end)), until - limit * 2 * reach - 20 * DAY)
    known = markets.sessions(market, since, until, today=today)
    for session in reversed(known):
        if milliseconds(session.open) <= now:
            yield session


def _day(milliseconds: int) -> date:
    return datetime.fromtimestamp(max(milliseconds, 0) / 1000, UTC).date()


# Details: minutes, and bars of them


def _known_minutes(
    listing: Listing, sessions: list[Session], interval: str, span: tuple[int, int], now: int
) -> tuple[Column, Minutes]:
    """Return the minutes known at `now` of the bars that open in a span, and the bars' opens."""
    parts = [_session_minutes(listing.name, listing.market, session) for session in sessions]
    labels = [
        _labels(session, minutes.time, interval)
        for session, minutes in zip(sessions, parts, strict=True)
    ]
    label = np.concatenate(labels)
    columns = [np.concatenate(column) for column in zip(*parts, strict=True)]
    begin = np.searchsorted(label, span[0])
    stop = min(
        np.searchsorted(label, span[1], side="right"),
        np.searchsorted(columns[0], now, side="right"),
    )
    return label[begin:stop], Minutes(*(column[begin:stop] for column in columns))


def _labels(session: Session, minute: Column, interval: str) -> Column:
    """Return the open of the bar that each minute belongs to."""
    opens = np.array(markets.bar_opens(session, interval))
    return opens[np.searchsorted(opens, minute, side="right") - 1]


def _as_text(listing: Listing, label: Column, minutes: Minutes) -> list[dict[str, Any]]:
    """Return bars, one for each label, as the service writes them: prices as text."""
    first = np.flatnonzero(np.diff(label, prepend=-1))
    last = np.append(first[1:], label.size) - 1
    is_fractional = listing.market.fractional
    units = minutes.lots / (FRACTIONAL_LOT if is_fractional else 1)
    columns = {
        "open": minutes.open[first],
        "high": np.maximum.reduceat(minutes.high, first),
        "low": np.minimum.reduceat(minutes.low, first),
        "close": minutes.close[last],
        "volume": np.add.reduceat(units, first),
    }
    places = dict.fromkeys(columns, listing.decimals)
    places["volume"] = 4 if is_fractional else 0
    texts = [
        [f"{value:.{places[name]}f}" for value in column.tolist()]
        for name, column in columns.items()
    ]
    names = ("time", *columns)
    times = label[first].tolist()
    return [dict(zip(names, row, strict=True)) for row in zip(times, *texts, strict=True)]


@lru_cache(maxsize=128)
def _session_minutes(name: str, market: Market, session: Session) -> Minutes:
    """Return a symbol's minutes of one session."""
    symbol = listing(name, market)
    time = np.concatenate([_minutes_between(*span) for span in session.hours])
    count = time.size
    number = (session.day - EPOCH).days
    before, close = symbol.close[number], symbol.close[number + 1]
    volatility = symbol.volatility[number]
    random = generator(f"{name}|{session.day}")
    noise = random.standard_normal(count + 1)
    chance = random.random_sample((2, count))

    # A market that was closed opens away from its last close.
    jump = 0.4 * (close - before) + 0.25 * volatility * noise[-1] if market.calendar else 0
    opening = before + jump
    # A random walk from there, bent so that it ends on the day's close.
    done = np.arange(1, count + 1) / count
    walk = np.cumsum(noise[:-1]) * (0.8 * volatility / count**0.5)
    path = np.append(opening, opening + walk + (close - opening - walk[-1]) * done)

    decimals, tick = symbol.decimals, 10.0**-symbol.decimals
    prices = np.maximum(np.round(np.exp(path), decimals), tick)
    top = np.maximum(prices[:-1], prices[1:])
    bottom = np.minimum(prices[:-1], prices[1:])
    wick = 0.5 * volatility / count**0.5 * chance
    high = np.round(top * (1 + wick[0]), decimals)
    low = np.maximum(np.round(bottom * (1 - wick[1]), decimals), tick)
    crowd = 0.6 + 1.6 * (2 * done - 1) ** 2  # busy at the open and the close
    calm = HABITS[market.type].volatility
    lots = 1 + np.floor(symbol.lots * crowd * (0.1 + chance.sum(axis=0)) * volatility / calm)
    return Minutes(time, prices[:-1], high, low, prices[1:], lots)


def _minutes_between(begin: datetime, end: datetime) -> Column:
    return np.arange(milliseconds(begin), milliseconds(end), MINUTE)


def _persistent_noise(random: np.random.RandomState, days: int) -> Column:
    """Return noise of variance 1 with an autocorrelation of some days, one number a day."""
    kernel = np.exp(-np.arange(4 * days) / days)
    scale = np.sqrt(np.sum(kernel**2))
    return np.convolve(random.standard_normal(DAYS), kernel / scale)[:DAYS]


def _decimals(market: Market, base: float) -> int:
    """Return how many decimals prices have: currencies and coins of small price have more."""
    if market.type not in ("forex", "crypto") or base >= 1000:
        return 2
    return 3 if base >= 10 else 5
