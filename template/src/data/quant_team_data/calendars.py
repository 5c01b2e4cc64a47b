"""When markets trade: sessions, the dates of bars, and the bars that there should be."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import polars as pl

from quant_team_data.markets import SECONDS_OF_A_DAY, Market, longest, shortest
from quant_team_data.trading_days import (
    CURRENCIES,
    MILLISECONDS_OF_A_DAY,
    ROLL,
    Rows,
    date_of,
    known_until,
    number_of,
    rows,
)
from quant_team_utils.errors import QuantError

if TYPE_CHECKING:
    from quant_team_data.trading_days import Times


class CalendarError(QuantError):
    """The installed exchange calendars do not reach that far."""


class Session(NamedTuple):
    """One trading day.

    Attributes:
        day: its date, at the exchange.
        hours: the UTC times between which it trades, in order; two pairs around a lunch break.
    """

    day: date
    hours: tuple[tuple[datetime, datetime], ...]

    @property
    def open(self) -> datetime:
        """When the first bar opens, UTC."""
        return self.hours[0][0]

    @property
    def close(self) -> datetime:
        """When the last bar closes, UTC."""
        return self.hours[-1][1]


def sessions(
    market: Market,
    start: date,
    end: date,
    *,
    today: date | None = None,
) -> list[Session]:
    """Return the trading days from `start` to `end`, both included, in order.

    Half days are short, Hong Kong and China pause for lunch; a market without a calendar trades
    whole UTC days; the day of a currency begins at 17:00 in New York on the day before.

    Args:
        market: whose calendar counts.
        start: the first day; calendars begin in 2000.
        end: the last day.
        today: in UTC; default: the clock. Only days after it may be unknown.

    Raises:
        CalendarError: `end` has passed, but the installed `exchange_calendars` does not know that
            year yet.
    """
    _require_known(market, end, today)
    found = []
    known = rows(market, start, end)
    for day, spans in zip(known.days, known.spans, strict=True):
        found.append(_session(day, spans))
    return found


def bar_opens(session: Session, interval: str) -> list[int]:
    """Return when the bars of a trading day open, in milliseconds UTC.

    Intraday bars count from the opening and from the end of a lunch break, so the last one before
    a pause may be shorter. A day, week or month carries 00:00 UTC of its first date.
    """
    spans = []
    for begin, end in session.hours:
        spans.append([_milliseconds(begin), _milliseconds(end)])
    days = np.array([number_of(session.day)])
    found = _due(Rows(days, np.array([spans])), interval)
    opens: list[int] = found.opens.tolist()
    return opens


def trading_dates(
    times: Times,
    market: Market,
    interval: str,
) -> Times:
    """Return when bars of a day or longer open by this project's rule, in milliseconds UTC.

    That is 00:00 UTC of the trading date; of a week its Monday, of a month its first day. Vendors
    stamp such bars with the midnight of UTC or of the exchange, or with the open or the close. So
    00:00 UTC is the date itself; any other stamp is read in the market's own time zone, where the
    day of a currency begins at 17:00 in New York.

    Args:
        times: in milliseconds UTC.
        market: where the symbol trades.
        interval: "1d", "1w" or "1M".
    """
    local = _local(times, market.timezone)
    if market.calendar == CURRENCIES:
        local = local + round(ROLL.total_seconds() * 1000)
    is_a_date = times % MILLISECONDS_OF_A_DAY == 0
    stamps = np.where(is_a_date, times, local)
    days = stamps // MILLISECONDS_OF_A_DAY
    return _first_days(days, interval) * MILLISECONDS_OF_A_DAY


class Due(NamedTuple):
    """The bars that a calendar expects.

    Attributes:
        opens: when they open, in milliseconds UTC, in order.
        day: for each the number of its trading day, or of its week or month.
    """

    opens: Times
    day: Times


def due(
    market: Market,
    interval: str,
    low: int,
    high: int,
    *,
    today: date | None = None,
) -> Due:
    """Return the bars that open in a range by the market's calendar.

    Args:
        market: whose calendar counts.
        interval: one of `markets.INTERVALS`.
        low: the first open, in milliseconds UTC, included.
        high: the first open left out.
        today: in UTC; default: the clock. See `sessions`.

    Raises:
        CalendarError: the installed calendars end before the range does.
    """
    first = date_of(low // MILLISECONDS_OF_A_DAY)
    last = date_of(max(high - 1, low) // MILLISECONDS_OF_A_DAY)
    _require_known(market, last, today)
    # A bar may open before its first trading day: a week at Christmas, the Monday of a currency.
    seconds = max(longest(interval), SECONDS_OF_A_DAY)
    ahead = last + timedelta(seconds=seconds)
    found = _due(rows(market, first, ahead), interval)
    begin = np.searchsorted(found.opens, low)
    stop = np.searchsorted(found.opens, high)
    return Due(
        found.opens[begin:stop],
        found.day[begin:stop],
    )


# Details


def _require_known(
    market: Market,
    end: date,
    today: date | None,
) -> None:
    until = known_until(market)
    if end <= until:
        return
    now = today or datetime.now(UTC).date()
    if end <= now:
        raise CalendarError(
            f"The {market.calendar} calendar ends on {until}: "
            "get more with `pip install --upgrade exchange_calendars`."
        )


def _due(known: Rows, interval: str) -> Due:
    """Return the opens of all bars of trading days, each once, in order."""
    if shortest(interval) >= SECONDS_OF_A_DAY:
        firsts = _first_days(known.days, interval)
        changes = np.diff(firsts, prepend=-1) != 0  # np.unique takes 40 ms to load
        which = np.flatnonzero(changes)
        return Due(firsts[which] * MILLISECONDS_OF_A_DAY, which)
    step = 1000 * shortest(interval)
    begins = known.spans[..., 0].ravel()
    ends = known.spans[..., 1].ravel()
    counts = -((begins - ends) // step)  # rounded up: the last bar may be shorter
    part = np.repeat(np.arange(len(begins)), counts)
    first_of_part = np.cumsum(counts) - counts
    number = np.arange(len(part)) - first_of_part[part]
    parts_of_a_day = known.spans.shape[1]
    return Due(begins[part] + number * step, part // parts_of_a_day)


def _first_days(days: Times, interval: str) -> Times:
    """Return the first day of the bar that each day belongs to, as days since 1970."""
    if interval == "1w":
        weekday = (days + 3) % 7  # 1970-01-01 was a Thursday
        return days - weekday
    if interval == "1M":
        dates = days.astype("datetime64[D]")
        firsts = dates.astype("datetime64[M]").astype("datetime64[D]")
        return firsts.astype(np.int64)
    return days


def _session(day: int, spans: Times) -> Session:
    hours = []
    for begin, end in spans.tolist():
        if begin < end:
            hours.append((_moment(begin), _moment(end)))
    return Session(date_of(day), tuple(hours))


def _local(times: Times, zone: str) -> Times:
    """Return what clocks in a zone show at times in ms UTC, as if that were UTC."""
    moments = pl.Series(times).cast(pl.Datetime("ms", "UTC"))
    local = moments.dt.convert_time_zone(zone)
    shown = local.dt.replace_time_zone(None)
    return shown.to_physical().to_numpy()


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def _milliseconds(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(milliseconds=1)


def _moment(milliseconds: int) -> datetime:
    return _EPOCH + timedelta(milliseconds=milliseconds)
