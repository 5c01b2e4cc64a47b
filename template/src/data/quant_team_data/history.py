"""A range of bars within the plan, through the cache.

`read` asks for what the cache lacks, and first asks the plan how far back it reaches: what the
plan does not cover is never requested, and a warning says so.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple

import polars as pl

from quant_team_data import cache, calendars, clients, errors, frames, limits, markets
from quant_team_data.cache import Series, Slice
from quant_team_data.markets import DAY, canonical, check_interval, milliseconds, shortest
from quant_team_data.pages import PAGE
from quant_team_data.proof import Found
from quant_team_data.tickdb import TickDBClient
from quant_team_utils.errors import QuantError

logger = logging.getLogger(__name__)

Day = date | datetime | str
Fetch = Callable[[datetime, datetime], Found]


class Span(NamedTuple):
    """A range of time: `first` is included, `stop` is the first time left out; both aware, UTC."""

    first: datetime
    stop: datetime


def span_of(start: Day, end: Day) -> Span:
    """Return a range as people write it.

    Args:
        start: a date (00:00 UTC), an aware datetime, or either in ISO format.
        end: a date is included as a whole UTC day, an aware datetime is the first time left out.

    Raises:
        BadRequestError: a datetime without a time zone, an unreadable one, or an empty range.
    """
    first = _moment(start, "start")
    stop = _moment(end, "end", whole_day=True)
    if first >= stop:
        raise errors.BadRequestError(
            f"The range from {start} to {end} is empty: give a start before the end."
        )
    return Span(first, stop)


def series_of(
    symbol: str,
    interval: str,
    type: str | None = None,
) -> Series:
    """Return the series of a symbol at the source in use.

    Args:
        symbol: TickDB's spelling.
        interval: one of `quant_team_data.markets.INTERVALS`.
        type: asset class; default: what the spelling says.

    Raises:
        BadRequestError: there is no such interval.
        AmbiguousSymbolError: the spelling fits several types.
        SymbolNotFoundError: it fits none.
        ConfigError: `TICKDB_BASE_URL` is unset or unusable.
    """
    kind = type or markets.market_of(symbol).type
    return Series(clients.source(), kind, canonical(symbol), check_interval(interval))


def read(
    series: Series,
    start: datetime,
    stop: datetime,
    *,
    offline: bool = False,
    refresh: bool = False,
    client: TickDBClient | None = None,
) -> Slice:
    """Return the closed bars of a range, and what the cache then holds of their series.

    Imported bars come from the cache alone, as many as there are.

    Args:
        series: what to read.
        start: aware; the first time, included.
        stop: aware; the first time left out.
        offline: never send a request.
        refresh: fetch the whole range again.
        client: sends the requests; default: the client in use.

    Raises:
        CacheError: offline, and part of the range is missing.
        PlanError: the plan covers nothing of the range.
        TickDBError: the subclass that says what to do.
    """
    if series.source.startswith("import:"):
        return cache.read(series, start, stop)
    now = client.clock() if client else clients.now()
    if offline:
        return cache.read_through(series, start, stop, _nobody, offline=True, now=now)
    stored = cache.load(series)
    low = milliseconds(start)
    # A bar that opens later has not closed yet.
    closed = milliseconds(now - timedelta(seconds=shortest(series.interval))) + 1
    high = min(milliseconds(stop), closed)
    missing = [(low, high)] if refresh and low < high else stored.lacks(low, high)
    if not missing:
        return Slice(cache.between(stored.bars, low, high), stored)
    source = _source(client or clients.client(), series, stored)
    if source.since > cache.moment(missing[0][0]):
        _complain(source, series, Span(start, stop), now)
        start = source.since
    return cache.read_through(series, start, stop, source.fetch, refresh=refresh, now=now)


class _Source(NamedTuple):
    """What a client gives of a series: from when on, and how to fetch it."""

    client: TickDBClient
    since: datetime
    fetch: Fetch


def _source(
    client: TickDBClient,
    series: Series,
    stored: cache.Stored,
) -> _Source:
    """Return from when on the plan has bars of a series, and how to fetch them."""
    kind = _type_to_send(series)
    plan = client.known_plan() if client.is_limited else None
    newest = None
    if plan is None:
        since = datetime.min.replace(tzinfo=UTC)
    elif plan.ranges:
        since = client.clock() - (plan.days - 1) * DAY
    else:
        newest = client.newest(series.symbol, series.interval, type=kind)
        since = newest["time"][0] if len(newest) else client.clock()

    def fetch(low: datetime, high: datetime) -> Found:
        # The cache compares a few bars before those it lacks; the plan may no longer have them.
        known = stored.bars.filter((pl.col("time") >= low) & (pl.col("time") < since))
        low = max(low, since)
        if newest is None:
            found = client.found(series.symbol, series.interval, low, high, type=kind)
        else:
            bars = newest.filter((pl.col("time") >= low) & (pl.col("time") < high))
            found = Found(bars, milliseconds(low))
        client.require_source()
        return found._replace(bars=pl.concat([known, found.bars]))

    return _Source(client, since, fetch)


def _type_to_send(series: Series) -> str | None:
    """Return the asset class of a series where its symbol does not say it."""
    try:
        known = markets.market_of(series.symbol).type
    except QuantError:
        return series.type
    return None if known == series.type else series.type


def _complain(
    source: _Source,
    series: Series,
    asked: Span,
    now: datetime,
) -> None:
    """Say what the plan covers, what is delivered, and what the whole range would need.

    Raises:
        PlanError: it covers nothing.
    """
    plan = source.client.plan()
    since = source.since
    covered = since < asked.stop
    given = f"you get those from {since:%Y-%m-%d %H:%M} UTC on" if covered else "you get none"
    fits = _plan_for((now - asked.first).days)
    calls = _requests(series, asked, now)
    minutes = max(1, round(calls / fits.rate))
    sentence = (
        f"Your plan ({plan.name}) has {series.interval} bars of {series.symbol!r} from "
        f"{since:%Y-%m-%d} on: of {asked.first:%Y-%m-%d} to {asked.stop:%Y-%m-%d} {given}; the "
        f"full range needs the {fits.name} plan and about {calls} requests ({minutes} min), so "
        "choose a later range or change the plan."
    )
    if not covered:
        raise errors.PlanError(sentence, symbol=series.symbol, code="3007")
    logger.warning(sentence)


def _plan_for(days: int) -> limits.Plan:
    """Return the smallest plan with ranges that reaches so many days back, else the largest."""
    for plan in limits.PLANS.values():
        if plan.ranges and plan.days >= days:
            return plan
    return limits.PLANS["enterprise"]


def _requests(
    series: Series,
    asked: Span,
    now: datetime,
) -> int:
    """Return about how many requests a range takes."""
    last = min(asked.stop, now).date()
    try:
        market = markets.market_of(series.symbol)
        days = calendars.sessions(market, asked.first.date(), last, today=now.date())
    except QuantError:  # an ambiguous symbol, or a year that the calendar lacks
        return 1 + int(
            (asked.stop - asked.first).total_seconds() // (PAGE * shortest(series.interval))
        )
    bars = sum(len(calendars.bar_opens(day, series.interval)) for day in days)
    return -(-bars // PAGE)


def _nobody(low: datetime, high: datetime) -> Found:
    """Fetch nothing: offline."""
    return Found(frames.SCHEMA.to_frame(), milliseconds(low))


def _moment(
    value: Day,
    name: str,
    whole_day: bool = False,
) -> datetime:
    """Return a date or datetime as UTC; `whole_day` moves a date to the midnight after it."""
    if isinstance(value, str):
        value = _parsed(value, name)
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise errors.BadRequestError(
                f"The {name} {value} has no time zone: add tzinfo=datetime.UTC, or pass a date for "
                "whole UTC days."
            )
        return value.astimezone(UTC)
    midnight = datetime(value.year, value.month, value.day, tzinfo=UTC)
    return midnight + DAY if whole_day else midnight


def _parsed(text: str, name: str) -> date | datetime:
    kind = date if len(text) <= 10 else datetime
    try:
        return kind.fromisoformat(text)
    except ValueError:
        raise errors.BadRequestError(
            f"The {name} {text!r} is not a date; use YYYY-MM-DD."
        ) from None
