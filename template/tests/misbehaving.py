"""A vendor that misbehaves in every way that has been seen, and the bars that it should give.

It is a transport: the client under test talks to it as to the real service.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import cache
from typing import Any, NamedTuple

import msgspec
import numpy as np
import polars as pl

from quant_team_data import calendars, markets
from quant_team_data.frames import SCHEMA, VALUES
from quant_team_data.markets import milliseconds
from quant_team_data.transport import Response, Timeout

Row = dict[str, Any]
Body = dict[str, Any]
HEADERS = {"Date": "Sat, 06 Jan 2024 10:00:00 GMT"}
NOW = datetime(2024, 12, 2, 3, 0, 30, tzinfo=UTC)
FIRST = datetime(2024, 1, 1, tzinfo=UTC)
LISTED = datetime(2024, 3, 4, tzinfo=UTC)
HALT = (datetime(2024, 7, 8, tzinfo=UTC), datetime(2024, 7, 17, tzinfo=UTC))
PAGE = 1000
HOUR_MS = 3_600_000


class Line(NamedTuple):
    """A series that the vendor has."""

    symbol: str
    interval: str


LINES = (
    Line("BTCUSDT", "1h"),
    Line("AAPL.US", "1h"),
    Line("700.HK", "1d"),
    Line("AAPL.US", "1d"),
    Line("EURUSD", "4h"),
    Line("ETHUSDT", "1w"),
)


@cache
def truth(line: Line) -> list[Row]:
    """Return the bars of a series: none before the symbol is listed, and none in a halt."""
    market = markets.market_of(line.symbol)
    low, high = milliseconds(FIRST), milliseconds(NOW)
    is_long = markets.shortest(line.interval) >= markets.SECONDS_OF_A_DAY
    fine = "1d" if is_long else line.interval
    opens = calendars.due(market, fine, low, high, today=NOW.date()).opens
    days = calendars.trading_dates(opens, market, "1d")
    is_halted = (days >= milliseconds(HALT[0])) & (days < milliseconds(HALT[1]))
    traded = opens[(days >= milliseconds(LISTED)) & ~is_halted]
    if is_long:
        traded = np.unique(calendars.trading_dates(traded, market, line.interval))
    ends = [markets.bar_end(moment(at), line.interval) for at in traded.tolist()]
    closed = [at for at, end in zip(traded.tolist(), ends, strict=True) if end <= NOW]
    return [row(at, number) for number, at in enumerate(closed)]


def moment(time: int) -> datetime:
    return datetime.fromtimestamp(time / 1000, UTC)


def row(time: int, number: int) -> Row:
    """Return a bar as the vendor writes it."""
    price = 100 + number % 89 / 4
    return {
        "time": time,
        "open": f"{price}",
        "high": f"{price + 1}",
        "low": f"{price - 1}",
        "close": f"{price + 0.5}",
        "volume": f"{number % 13}",
    }


def frame(rows: list[Row], low: datetime, high: datetime) -> pl.DataFrame:
    """Return the bars of a range as the client should."""
    begin, end = milliseconds(low), milliseconds(high)
    inside = [one for one in rows if begin <= one["time"] < end]
    columns = {name: [float(one[name]) for one in inside] for name in VALUES}
    times = pl.Series([one["time"] for one in inside], dtype=pl.Int64)
    return pl.DataFrame({"time": times.cast(SCHEMA["time"]), **columns}, schema=SCHEMA)


class Vendor:
    """Answers right, or wrong with a chance.

    Attributes:
        chance: that an answer is wrong.
        cap: bars of a page at most.
        is_newest: an overflowing range keeps its newest bars; else its oldest.
        faults: what it does wrong; each takes the vendor, rows and body.
        asked: how many requests there were.
    """

    def __init__(self, seed: int, faults: tuple[Fault, ...] = ()) -> None:
        self.random = random.Random(seed)
        self.faults = faults
        self.chance = 0.0
        self.cap = self.random.choice((97, 250, 333, 720, 999, PAGE))
        self.is_newest = self.random.random() < 0.5
        self.asked = 0

    def send(
        self,
        path: str,
        params: Mapping[str, Any],
        headers: dict[str, str],
        timeout: Timeout,
    ) -> Response:
        """Answer a request, see `transport.Transport`."""
        self.asked += 1
        symbol, interval = str(params["symbol"]), str(params["interval"])
        rows = self._rows(symbol, interval, params)
        body: Body = {"symbol": symbol, "interval": interval, "klines": rows}
        reply = Reply(200, body, {})
        if self.faults and self.random.random() < self.chance:
            fault = self.random.choice(self.faults)
            reply = fault(self, reply)
        answer = {"code": 0, "message": "success", "data": reply.body}
        if reply.status != 200:
            answer = {"code": 5001, "message": "busy"}
        return Response(reply.status, msgspec.json.encode(answer), reply.headers)

    def _rows(self, symbol: str, interval: str, params: Mapping[str, Any]) -> list[Row]:
        low, high = int(params["start_time"]), int(params["end_time"])
        found = truth(Line(symbol, interval))
        inside = [dict(one) for one in found if low <= one["time"] <= high]
        cap = min(self.cap, int(params["limit"]))
        return inside[-cap:] if self.is_newest else inside[:cap]


class Reply(NamedTuple):
    """What an answer is made of."""

    status: int
    body: Body
    headers: dict[str, str]

    @property
    def rows(self) -> list[Row]:
        """The bars."""
        found: list[Row] = self.body["klines"]
        return found

    def giving(self, rows: list[Row]) -> Reply:
        """Return an answer with other bars."""
        return self._replace(body={**self.body, "klines": rows})


Fault = Callable[[Vendor, Reply], Reply]


def twice(vendor: Vendor, reply: Reply) -> Reply:
    """Some bars come twice, in place of others where the page is full."""
    rows = reply.rows
    again = vendor.random.sample(rows, len(rows) // 3)
    return reply.giving(rows + again)


def shuffled(vendor: Vendor, reply: Reply) -> Reply:
    """The bars come in another order."""
    rows = list(reply.rows)
    vendor.random.shuffle(rows)
    return reply.giving(rows)


def empty(vendor: Vendor, reply: Reply) -> Reply:
    """Nothing comes."""
    return reply.giving([])


def short_of_old(vendor: Vendor, reply: Reply) -> Reply:
    """The oldest bars are left out."""
    rows = reply.rows
    return reply.giving(rows[vendor.random.randint(0, len(rows)) :])


def short_of_new(vendor: Vendor, reply: Reply) -> Reply:
    """The newest bars are left out."""
    rows = reply.rows
    return reply.giving(rows[: vendor.random.randint(0, len(rows))])


def kept(share: slice) -> Fault:
    """The same bars of each answer are left out."""

    def change(vendor: Vendor, reply: Reply) -> Reply:
        return reply.giving(reply.rows[share])

    return change


def older_half(vendor: Vendor, reply: Reply) -> Reply:
    """The newer half is left out, but for one bar."""
    rows = reply.rows
    return reply.giving(rows[: (len(rows) + 1) // 2])


def newer_half(vendor: Vendor, reply: Reply) -> Reply:
    """The older half is left out, but for one bar."""
    rows = reply.rows
    return reply.giving(rows[len(rows) // 2 :])


def page_gone(vendor: Vendor, reply: Reply) -> Reply:
    """Bars in the middle are left out."""
    rows = reply.rows
    begin = vendor.random.randint(0, len(rows))
    return reply.giving(rows[:begin] + rows[begin + vendor.random.randint(1, 200) :])


def in_unit(factor: float) -> Fault:
    """Times are in another unit."""

    def change(vendor: Vendor, reply: Reply) -> Reply:
        rows = [{**one, "time": int(one["time"] * factor)} for one in reply.rows]
        return reply.giving(rows)

    return change


def saying(name: str, value: str) -> Fault:
    """The answer is for something else."""

    def change(vendor: Vendor, reply: Reply) -> Reply:
        return reply._replace(body={**reply.body, name: value})

    return change


def outside(vendor: Vendor, reply: Reply) -> Reply:
    """A bar of another time is among them."""
    rows = reply.rows
    if not rows:
        return reply
    days = vendor.random.choice((-400, 400))
    stranger = {**rows[0], "time": rows[0]["time"] + days * 24 * HOUR_MS}
    return reply.giving([*rows, stranger])


def differing(vendor: Vendor, reply: Reply) -> Reply:
    """One bar comes twice, with two volumes."""
    rows = reply.rows
    if not rows:
        return reply
    one = vendor.random.choice(rows)
    return reply.giving([*rows, {**one, "volume": "12345"}])


def wrong_date(vendor: Vendor, reply: Reply) -> Reply:
    """The clock of the service is years off."""
    return reply._replace(headers=HEADERS)


def odd_stamps(vendor: Vendor, reply: Reply) -> Reply:
    """Days carry the midnight, the open or the close of their exchange."""
    interval = reply.body["interval"]
    symbol = reply.body["symbol"]
    if interval != "1d":
        return reply
    hours = (4, 5, 13, 21) if symbol.endswith(".US") else (-8, 1, 8)
    moved = []
    for one in reply.rows:
        hour = vendor.random.choice(hours)
        moved.append({**one, "time": one["time"] + hour * HOUR_MS})
    return reply.giving(moved)


def busy(vendor: Vendor, reply: Reply) -> Reply:
    """The service fails."""
    return reply._replace(status=503)


def nonsense(value: Any, name: str = "time") -> Fault:
    """One bar has something in place of a number."""

    def change(vendor: Vendor, reply: Reply) -> Reply:
        rows = [dict(one) for one in reply.rows]
        if rows:
            vendor.random.choice(rows)[name] = value
        return reply.giving(rows)

    return change


FAULTS: tuple[Fault, ...] = (
    twice,
    shuffled,
    empty,
    short_of_old,
    short_of_new,
    page_gone,
    older_half,
    newer_half,
    kept(slice(1, None)),
    kept(slice(5, None)),
    kept(slice(None, -5)),
    in_unit(1e-3),
    in_unit(1e3),
    in_unit(1e6),
    saying("symbol", "MSFT.US"),
    saying("interval", "5m"),
    outside,
    differing,
    wrong_date,
    odd_stamps,
    busy,
    nonsense(-1),
    nonsense(True),
    nonsense(1.5),
    nonsense("1_00", "close"),
    nonsense(value=True, name="open"),
    nonsense(10**30),
)
