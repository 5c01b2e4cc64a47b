"""Synthetic prices: invented, but on the trading days and hours of the real markets.

A symbol has one path of daily closes, seeded by its name; each day is filled with minutes from
close to close, seeded by name and date. All bars are made of those minutes, so any two requests
agree, on any machine and at any time. Nothing here reads a clock: what is known at `now` depends
on `now` alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from quant_team_data import calendars, markets, trading_days
from quant_team_data.calendars import Session
from quant_team_data.listings import EPOCH, HABITS, LAST_DAY, Listing, generator, invent
from quant_team_data.markets import DAY, Market, milliseconds

MINUTE = 60_000  # milliseconds
EARLY = trading_days.ROLL // timedelta(milliseconds=1)  # at most, before 00:00 UTC of its date
FRACTIONAL_LOT = 10_000  # lots in one unit of what can be traded in fractions

Column = NDArray[Any]


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
    if end == now and markets.shortest(interval) >= markets.SECONDS_OF_A_DAY:
        # The day of a currency begins before its label; days that have not opened are left out.
        end += EARLY
    sessions: list[Session] = []
    opens: set[int] = set()
    for session in _newest_sessions(listing.market, interval, limit, now, start, end):
        inside = {at for at in calendars.bar_opens(session, interval) if start <= at <= end}
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


# Details: which sessions


def _newest_sessions(
    market: Market,
    interval: str,
    limit: int,
    now: int,
    start: int,
    end: int,
) -> Iterator[Session]:
    """Yield the sessions that can hold the wanted bars and have opened by `now`, newest first.

    A day that has not opened yet has no bar, though its label, 00:00 UTC, may have passed.
    """
    reach = max(timedelta(seconds=markets.longest(interval)), DAY)
    today = _day(now)
    until = min(
        _day(end) + reach,
        today + DAY,
        trading_days.known_until(market),
        LAST_DAY,
    )
    enough = limit * 2 * reach + 20 * DAY  # weekends and holidays included
    since = max(
        EPOCH,
        _day(min(start, end)),
        until - enough,
    )
    known = calendars.sessions(
        market,
        since,
        until,
        today=today,
    )
    for session in reversed(known):
        if milliseconds(session.open) <= now:
            yield session


def _day(milliseconds: int) -> date:
    seconds = max(milliseconds, 0) / 1000
    return datetime.fromtimestamp(seconds, UTC).date()


# Details: minutes, and bars of them


def _known_minutes(
    listing: Listing,
    sessions: list[Session],
    interval: str,
    span: tuple[int, int],
    now: int,
) -> tuple[Column, Minutes]:
    """Return the minutes known at `now` of the bars that open in a span, and the bars' opens."""
    parts = [_session_minutes(listing.name, listing.market, session) for session in sessions]
    labels = []
    for session, minutes in zip(sessions, parts, strict=True):
        labels.append(_labels(session, minutes.time, interval))
    label = np.concatenate(labels)
    columns = [np.concatenate(column) for column in zip(*parts, strict=True)]
    oldest, end = span
    begin = np.searchsorted(label, oldest)
    wanted = np.searchsorted(label, end, side="right")
    known = np.searchsorted(columns[0], now, side="right")
    stop = min(wanted, known)
    kept = [column[begin:stop] for column in columns]
    return label[begin:stop], Minutes(*kept)


def _labels(
    session: Session,
    minute: Column,
    interval: str,
) -> Column:
    """Return the open of the bar that each minute belongs to."""
    opens = np.array(calendars.bar_opens(session, interval))
    begun = np.searchsorted(opens, minute, side="right")
    return opens[begun - 1]


def _as_text(
    listing: Listing,
    label: Column,
    minutes: Minutes,
) -> list[dict[str, Any]]:
    """Return bars, one for each label, as the service writes them: prices as text."""
    steps = np.diff(label, prepend=-1)
    first = np.flatnonzero(steps)
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
    texts = []
    for name, column in columns.items():
        places = listing.decimals
        if name == "volume":
            places = 4 if is_fractional else 0
        texts.append([f"{value:.{places}f}" for value in column.tolist()])
    times = label[first].tolist()
    names = ("time", *columns)
    rows = zip(times, *texts, strict=True)
    return [dict(zip(names, row, strict=True)) for row in rows]


@lru_cache(maxsize=128)
def _session_minutes(name: str, market: Market, session: Session) -> Minutes:
    """Return a symbol's minutes of one session."""
    symbol = invent(name, market)
    number = (session.day - EPOCH).days
    before = symbol.close[number]
    close = symbol.close[number + 1]
    volatility = symbol.volatility[number]
    time = _times(session)
    count = time.size
    random = generator(f"{name}|{session.day}")
    noise = random.standard_normal(count + 1)
    chance = random.random_sample((2, count))
    done = np.arange(1, count + 1) / count

    opening = before
    if market.calendar:  # a market that was closed opens away from its last close
        opening = before + (0.4 * (close - before) + 0.25 * volatility * noise[-1])
    walk = np.cumsum(noise[:-1]) * (0.8 * volatility / count**0.5)
    bent = (close - opening - walk[-1]) * done  # so that it ends on the day's close
    path = np.append(opening, opening + walk + bent)
    tick = 10.0**-symbol.decimals
    prices = np.maximum(np.round(np.exp(path), symbol.decimals), tick)

    first = prices[:-1]
    last = prices[1:]
    top = np.maximum(first, last)
    bottom = np.minimum(first, last)
    wick = 0.5 * volatility / count**0.5 * chance
    high = np.round(top * (1 + wick[0]), symbol.decimals)
    low = np.round(bottom * (1 - wick[1]), symbol.decimals)

    crowd = 0.6 + 1.6 * (2 * done - 1) ** 2  # busy at the open and the close
    activity = symbol.lots * crowd * (0.1 + chance.sum(axis=0))
    calm = HABITS[market.type].volatility
    return Minutes(
        time=time,
        open=first,
        high=high,
        low=np.maximum(low, tick),
        close=last,
        lots=1 + np.floor(activity * volatility / calm),
    )


def _times(session: Session) -> Column:
    """Return the minutes of a session, in ms UTC."""
    spans = []
    for begin, end in session.hours:
        spans.append(np.arange(milliseconds(begin), milliseconds(end), MINUTE))
    return np.concatenate(spans)
